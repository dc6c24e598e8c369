"""The default runner: `jax.jit` over a mesh with axes `data` and `fsdp`.

Arrays are global, and XLA puts in the communication.

Shapes: a batch is [B, ...], or [A, B / A, ...] when it is taken in A parts.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.config import View
from effjax.contract import Source
from effjax.devices.layout import Layout
from effjax.devices.runner import Batch, Step, check_divides, make_mesh, put, resident_arrays
from effjax.errors import UserError

EXAMPLES = ("data", "fsdp")  # the axes over which a batch is divided


class Mesh:
    """`jax.jit` over a device mesh; see `effjax.devices.runner.Runner`.

    Args:
      devices: those that share the work, in the order of the grid.
      batch_size: B, of all hosts together.
      parts: A.
      parallel: that section of the config.

    Raises:
      UserError: a batch or a number of devices that cannot be divided evenly.
    """

    batch_axis = None

    def __init__(
        self, devices: list[jax.Device], batch_size: int, parts: int, parallel: View
    ) -> None:
        check_divides(batch_size, len(devices), parts)
        self.fsdp = parallel.fsdp
        if self.fsdp < 1 or len(devices) % self.fsdp:
            raise UserError(
                f"parallel.fsdp = {self.fsdp} does not divide the {len(devices)} device(s)"
            )
        self.parts = parts
        self.rules = parallel.shard
        self.least = parallel.shard_least
        self.mesh = make_mesh((-1, self.fsdp), EXAMPLES, devices)
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.examples = NamedSharding(self.mesh, PartitionSpec(EXAMPLES))
        # the axis of the parts is taken one after another, so no device owns a share of it
        in_parts = PartitionSpec(None, EXAMPLES) if parts > 1 else PartitionSpec(EXAMPLES)
        self.examples_in_parts = NamedSharding(self.mesh, in_parts)
        # made once: a fresh function at each evaluation would be traced and compiled each time
        self._replicate = jax.jit(lambda tree: tree, out_shardings=self.replicated)
        self._source: Source | None = None

    def hold(self, source: Source) -> None:
        """Keeps what a source calls `resident` on every device; sent with the first batch."""
        self._source = source

    @functools.cached_property
    def _resident(self) -> Batch:
        arrays = resident_arrays(self._source)
        return {key: self._on_every_device(array) for key, array in arrays.items()}

    def _on_every_device(self, array: np.ndarray) -> jax.Array:
        return jax.make_array_from_callback(array.shape, self.replicated, lambda part: array[part])

    def lay_out(self, state: Any) -> Layout:
        """Decides which device holds what of an abstract state, between steps."""
        layout = Layout(self.mesh, state.params, self.rules, self.least)
        self.state_shardings = layout.of(state)
        return layout

    def place(self, state: Any) -> Any:
        """The state as it is: the compiled step takes ordinary arrays."""
        return state

    def gather(self, state: Any) -> Any:
        """The state as it is."""
        return state

    def whole(self, tree: Any) -> Any:
        """An ordinary tree with all of every array on every device."""
        return tree if self.fsdp == 1 else self._replicate(tree)

    def compile(self, step: Step) -> Step:
        """The step with the state donated."""
        out_shardings = (self.state_shardings, self.replicated)
        return jax.jit(step, donate_argnums=0, out_shardings=out_shardings)

    def lower(self, step: Step, state: Any, spec: Mapping[str, Any]) -> jax.stages.Lowered:
        """The step, traced but not compiled; see `Runner.lower`."""
        batch = {key: self._abstract_sent(part) for key, part in spec.items()}
        for key, array in resident_arrays(self._source).items():
            batch[key] = jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=self.replicated)
        return self.compile(step).lower(state, batch)

    def _abstract_sent(self, part: Any) -> jax.ShapeDtypeStruct:
        """One host's part [b, ...] of an array -> the global array that `send` makes of it."""
        count = part.shape[0] * jax.process_count()
        leading = (count,) if self.parts == 1 else (self.parts, count // self.parts)
        shape = (*leading, *part.shape[1:])
        return jax.ShapeDtypeStruct(shape, part.dtype, sharding=self.examples_in_parts)

    def send(self, batch: Batch) -> Batch:
        """One transfer of this host's part of a training batch."""
        parts = {key: self._in_parts(value) for key, value in batch.items()}
        return put(parts, self.examples_in_parts) | self._resident

    def _in_parts(self, array: np.ndarray) -> np.ndarray:
        """[B, ...] -> [A, B / A, ...] for A > 1."""
        if self.parts == 1:
            return array
        return array.reshape(self.parts, -1, *array.shape[1:])

    def send_whole(self, batch: Batch) -> Batch:
        """One transfer of this host's part of an evaluation batch."""
        return put(batch, self.examples)

    def fetch(self, metrics: Any) -> Any:
        """Metrics of a step as host scalars; waits for the step."""
        return jax.device_get(metrics)
