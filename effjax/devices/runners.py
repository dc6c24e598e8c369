"""One training step, run on several devices in one of two ways.

`Mesh` is `jax.jit` over a mesh with axes `data` and `fsdp`: arrays are global, and XLA puts in
the communication. `Pmap` is `jax.pmap`: every device has its own copy of the state and its part
of the batch, and the step averages by name over the axis `batch`. The loop calls the same methods
of both, and the numbers agree, because random draws belong to examples. Each host sends its part of
a batch; what comes of it are global arrays in both.

Shapes: a batch is [B, ...], or [A, B / A, ...] when it is taken in A parts; D devices.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from effjax.config import View
from effjax.contract.task import Source
from effjax.devices.layout import Layout
from effjax.errors import UserError

Batch = Mapping[str, Any]
Step = Callable[[Any, Any], tuple[Any, Any]]


def choose_devices(count: int | None) -> list[jax.Device]:
    """The first `count` devices, as many of each host, or all; a host's devices side by side.

    Raises:
      UserError: there are fewer, or the hosts cannot share so many evenly.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    hosts = jax.process_count()
    if count is None:
        return devices
    if not 1 <= count <= len(devices):
        raise UserError(f"parallel.devices = {count}, but {len(devices)} device(s) are here")
    if count % hosts:
        raise UserError(f"parallel.devices = {count} cannot be shared evenly by {hosts} hosts")
    each = len(devices) // hosts
    return [device for place, device in enumerate(devices) if place % each < count // hosts]


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
    """`jax.jit` over a device mesh; `parallel` is that section of the config."""

    batch_axis = None
    _source: Source | None = None

    def __init__(
        self, devices: list[jax.Device], batch_size: int, parts: int, parallel: View
    ) -> None:
        _check_divides(batch_size, len(devices), parts)
        self.fsdp, self.rules, self.least = parallel.fsdp, parallel.shard, parallel.shard_least
        if self.fsdp < 1 or len(devices) % self.fsdp:
            raise UserError(
                f"parallel.fsdp = {self.fsdp} does not divide the {len(devices)} device(s)"
            )
        grid = np.asarray(devices).reshape(-1, self.fsdp)
        self.mesh = jax.sharding.Mesh(grid, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)
        self.parts = parts
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        examples = ("data", "fsdp")
        self.examples = NamedSharding(self.mesh, PartitionSpec(examples))
        self.examples_in_parts = NamedSharding(
            self.mesh, PartitionSpec(None, examples) if parts > 1 else PartitionSpec(examples)
        )

    def hold(self, source: Source) -> None:
        """Puts what a source calls `resident` onto every device when a batch is first sent."""
        self._source = source

    @property
    def _held(self) -> Mapping[str, np.ndarray]:
        return self._source.resident if self._source else {}

    @functools.cached_property
    def _resident(self) -> Batch:
        return {key: self._everywhere(array) for key, array in self._held.items()}

    def _everywhere(self, array: np.ndarray) -> jax.Array:
        return jax.make_array_from_callback(
            array.shape, self.replicated, lambda where: array[where]
        )

    def lay_out(self, state: Any) -> Layout:
        """Which device holds what of a state like this abstract one, between steps."""
        self.layout = Layout(self.mesh, state.params, self.rules, self.least)
        self.state_shardings = self.layout.of(state)
        return self.layout

    def place(self, state: Any) -> Any:
        """The state, laid out, as the compiled step wants it."""
        return state

    def gather(self, state: Any) -> Any:
        """The state as ordinary global arrays, laid out, as checkpoints want it."""
        return state

    def whole(self, tree: Any) -> Any:
        """Of an ordinary tree, all of every array on every device, as evaluators want it."""
        if self.fsdp == 1:
            return tree
        return jax.jit(lambda tree: tree, out_shardings=self.replicated)(tree)

    def compile(self, step: Step) -> Step:
        """The step with the state donated."""
        out_shardings = (self.state_shardings, self.replicated)
        return jax.jit(step, donate_argnums=0, out_shardings=out_shardings)

    def lower(self, step: Step, state: Any, spec: Mapping[str, Any]) -> jax.stages.Lowered:
        """The step, not yet compiled, for a state or an abstract one and batches of a source.

        Args:
          spec: shapes and dtypes of one host's part of a batch.
        """
        hosts, examples = jax.process_count(), self.examples_in_parts

        def whole(part: Any) -> jax.ShapeDtypeStruct:
            shape = (part.shape[0] * hosts, *part.shape[1:])
            if self.parts > 1:
                shape = (self.parts, shape[0] // self.parts, *shape[1:])
            return jax.ShapeDtypeStruct(shape, part.dtype, sharding=examples)

        held = {
            key: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=self.replicated)
            for key, array in self._held.items()
        }
        sent = {key: whole(part) for key, part in spec.items()}
        return self.compile(step).lower(state, sent | held)

    def send(self, batch: Batch) -> Batch:
        """One transfer of this host's part of a training batch."""
        parts = {key: _in_parts(value, self.parts) for key, value in batch.items()}
        return _put(parts, self.examples_in_parts) | self._resident

    def send_whole(self, batch: Batch) -> Batch:
        """One transfer of this host's part of an evaluation batch."""
        return _put(batch, self.examples)

    def fetch(self, metrics: Any) -> Any:
        """Metrics of a step as host scalars; waits for the step."""
        return jax.device_get(metrics)


def _put(batch: Batch, sharding: NamedSharding) -> Batch:
    if jax.process_count() == 1:
        return jax.device_put(dict(batch), sharding)
    return {
        key: jax.make_array_from_process_local_data(sharding, value) for key, value in batch.items()
    }


class Pmap(Mesh):
    """`jax.pmap` with explicit means over the axis `batch_axis`."""

    batch_axis = "batch"

    def __init__(
        self, devices: list[jax.Device], batch_size: int, parts: int, parallel: View
    ) -> None:
        if parallel.fsdp != 1:
            raise UserError(
                f"parallel.fsdp = {parallel.fsdp}, but pmap copies all to every device\n"
                "give --config.parallel.mode=mesh"
            )
        super().__init__(devices, batch_size, parts, parallel)
        self.devices = devices
        self.here = [device for device in devices if device.process_index == jax.process_index()]
        line = jax.sharding.Mesh(np.asarray(devices), ("copy",), axis_types=(AxisType.Auto,))
        self.copies = NamedSharding(line, PartitionSpec("copy"))

    def place(self, state: Any) -> Any:
        """[...] -> [D, ...]: one copy of the state on every device."""
        count = len(self.devices)

        def spread(state: Any) -> Any:
            return jax.tree.map(lambda x: jax.numpy.broadcast_to(x, (count, *x.shape)), state)

        return jax.jit(spread, out_shardings=self.copies)(state)

    def gather(self, state: Any) -> Any:
        """[D, ...] -> [...]: the copies are equal, the first one counts."""
        first = jax.jit(
            lambda state: jax.tree.map(lambda x: x[0], state), out_shardings=self.replicated
        )
        return first(state)

    def compile(self, step: Step) -> Step:
        return jax.pmap(step, axis_name=self.batch_axis, donate_argnums=0, devices=self.devices)

    def lower(self, step: Step, state: Any, spec: Mapping[str, Any]) -> jax.stages.Lowered:
        batch = self.send({key: np.zeros(part.shape, part.dtype) for key, part in spec.items()})
        if not isinstance(state.step, jax.Array):
            state = jax.eval_shape(self.place, state)
        if jax.process_count() > 1:
            # pmap's lower takes what one host has; the program it makes takes global arrays
            state, batch = jax.tree.map(self._local, (state, batch))
        return self.compile(step).lower(state, batch)

    def _local(self, array: jax.Array) -> jax.Array:
        """[D, ...] over all hosts -> [D / hosts, ...], this host's."""
        mesh = jax.sharding.Mesh(np.asarray(self.here), ("copy",), axis_types=(AxisType.Auto,))
        return jax.make_array_from_single_device_arrays(
            (len(self.here), *array.shape[1:]),
            NamedSharding(mesh, PartitionSpec("copy")),
            [shard.data for shard in array.addressable_shards],
        )

    def send(self, batch: Batch) -> Batch:
        """[B, ...] -> [D, B / D, ...], or [D, A, B / (A D), ...]."""
        count = len(self.here)

        def split(array: np.ndarray) -> np.ndarray:
            parts = array.reshape(self.parts, count, -1, *array.shape[1:])
            parts = np.swapaxes(parts, 0, 1)
            return parts if self.parts > 1 else parts[:, 0]

        batch = {key: split(value) for key, value in batch.items()}
        batch = batch if jax.process_count() == 1 else _put(batch, self.copies)
        return batch | self._resident

    def _everywhere(self, array: np.ndarray) -> jax.Array:
        """[...] -> [D, ...]."""
        shape = len(self.devices), *array.shape
        return jax.make_array_from_callback(shape, self.copies, lambda where: array[None])

    def fetch(self, metrics: Any) -> Any:
        return jax.device_get(jax.tree.map(lambda x: x.addressable_shards[0].data[0], metrics))


MODES = {"mesh": Mesh, "pmap": Pmap}
