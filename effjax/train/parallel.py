"""One training step, run on several devices in one of two ways.

`Mesh` is `jax.jit` over a mesh with axes `data` and `fsdp`: arrays are global, and XLA puts in
the communication. `Pmap` is `jax.pmap`: every device has its own copy of the state and its part
of the batch, and the step averages by name over the axis `batch`. The loop calls the same methods
of both, and the numbers agree, because random draws belong to examples.

Shapes: a batch is [B, ...], or [A, B / A, ...] when it is taken in A parts.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from effjax.errors import UserError

Batch = Mapping[str, Any]
Step = Callable[[Any, Any], tuple[Any, Any]]


def choose_devices(count: int | None) -> list[jax.Device]:
    """The first `count` devices, or all of them.

    Raises:
      UserError: there are fewer.
    """
    devices = jax.devices()
    if count is not None and not 1 <= count <= len(devices):
        raise UserError(f"parallel.devices = {count}, but {len(devices)} device(s) are here")
    return devices[:count]


def _check_divides(batch_size: int, devices: int, parts: int) -> None:
    if batch_size % (devices * parts):
        raise UserError(
            f"data.batch_size = {batch_size} cannot be split over {devices} device(s)"
            + (f" in {parts} parts" if parts > 1 else "")
            + f"\ngive a multiple of {devices * parts}, or fewer with --config.parallel.devices=N"
        )


def _in_parts(array: np.ndarray, parts: int) -> np.ndarray:
    """[B, ...] -> [A, B / A, ...] for A > 1."""
    return array.reshape(parts, -1, *array.shape[1:]) if parts > 1 else array


class Mesh:
    """`jax.jit` over a device mesh."""

    batch_axis = None

    def __init__(self, devices: list[jax.Device], batch_size: int, parts: int = 1):
        _check_divides(batch_size, len(devices), parts)
        grid = np.asarray(devices).reshape(-1, 1)
        self.mesh = jax.sharding.Mesh(grid, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)
        self.parts = parts
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        examples = ("data", "fsdp")
        self.examples = NamedSharding(self.mesh, PartitionSpec(examples))
        self.examples_in_parts = NamedSharding(
            self.mesh, PartitionSpec(None, examples) if parts > 1 else PartitionSpec(examples)
        )

    def place(self, state: Any) -> Any:
        """The state onto the devices, as the compiled step wants it."""
        return jax.device_put(state, self.replicated)

    def gather(self, state: Any) -> Any:
        """The state as ordinary global arrays, as evaluators and checkpoints want it."""
        return state

    def compile(self, step: Step) -> Step:
        """The step with the state donated."""
        return jax.jit(step, donate_argnums=0, out_shardings=self.replicated)

    def send(self, batch: Batch) -> Batch:
        """One transfer of this host's part of a training batch."""
        parts = {key: _in_parts(value, self.parts) for key, value in batch.items()}
        return self._put(parts, self.examples_in_parts)

    def send_whole(self, batch: Batch) -> Batch:
        """One transfer of this host's part of an evaluation batch."""
        return self._put(batch, self.examples)

    def fetch(self, metrics: Any) -> Any:
        """Metrics of a step as host scalars; waits for the step."""
        return jax.device_get(metrics)

    @staticmethod
    def _put(batch: Batch, sharding: NamedSharding) -> Batch:
        if jax.process_count() == 1:
            return jax.device_put(dict(batch), sharding)
        return {
            key: jax.make_array_from_process_local_data(sharding, value)
            for key, value in batch.items()
        }


class Pmap(Mesh):
    """`jax.pmap` with explicit means over the axis `batch_axis`."""

    batch_axis = "batch"

    def __init__(self, devices: list[jax.Device], batch_size: int, parts: int = 1):
        super().__init__(devices, batch_size, parts)
        self.devices = [device for device in devices if device.process_index == jax.process_index()]
        line = jax.sharding.Mesh(np.asarray(devices), ("copy",), axis_types=(AxisType.Auto,))
        self.copies = NamedSharding(line, PartitionSpec("copy"))

    def place(self, state: Any) -> Any:
        """[...] -> [D, ...]: one copy of the state on every device."""
        count = len(self.copies.mesh.devices)

        def spread(state: Any) -> Any:
            return jax.tree.map(lambda x: jax.numpy.broadcast_to(x, (count, *x.shape)), state)

        return jax.jit(spread, out_shardings=self.copies)(state)

    def gather(self, state: Any) -> Any:
        """[D, ...] -> [...]: the copies are equal, the first one counts."""
        first = jax.jit(lambda state: jax.tree.map(lambda x: x[0], state))
        return jax.device_put(first(state), self.replicated)

    def compile(self, step: Step) -> Step:
        return jax.pmap(step, axis_name=self.batch_axis, donate_argnums=0)

    def send(self, batch: Batch) -> Batch:
        """[B, ...] -> [D, B / D, ...], or [D, A, B / (A D), ...]."""
        count = len(self.devices)

        def split(array: np.ndarray) -> np.ndarray:
            parts = array.reshape(self.parts, count, -1, *array.shape[1:])
            parts = np.swapaxes(parts, 0, 1)
            return parts if self.parts > 1 else parts[:, 0]

        return {key: split(value) for key, value in batch.items()}

    def fetch(self, metrics: Any) -> Any:
        return jax.device_get(jax.tree.map(lambda x: x.addressable_shards[0].data[0], metrics))


MODES = {"mesh": Mesh, "pmap": Pmap}
