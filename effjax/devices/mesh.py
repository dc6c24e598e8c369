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
from effjax.devices.runner import (
    Batch,
    Step,
    check_divides,
    make_mesh,
    put,
    resident_arrays,
)
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
    lowers_shapes = True

    def __init__(
        self,
        devices: list[jax.Device],
        batch_size: int,
        parts: int,
        parallel: View,
    ):
        count = len(devices)
        check_divides(batch_size, count, parts)
        fsdp = parallel.fsdp
        if fsdp < 1 or count % fsdp:
            raise UserError(f"parallel.fsdp = {fsdp} does not divide the {count} device(s)")
        self.fsdp = fsdp
        self.parts = parts
        self.rules = parallel.shard
        self.least = parallel.shard_least
        self.mesh = make_mesh((-1, fsdp), EXAMPLES, devices)
        self.replicated = self._sharding()
        self.examples = self._sharding(EXAMPLES)
        # parts are taken one after another, so their axis is not divided
        self.examples_in_parts = self._sharding(None, EXAMPLES) if parts > 1 else self.examples
        # made once: a fresh function at each evaluation would be traced and compiled each time
        self._replicate = jax.jit(lambda tree: tree, out_shardings=self.replicated)
        self._source: Source | None = None

    def _sharding(self, *axes: Any) -> NamedSharding:
        """Divides the leading axes of an array over the named axes of the mesh."""
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    def hold(self, source: Source) -> None:
        """Keeps what a source calls `resident` on every device; sent with the first batch."""
        self._source = source

    @functools.cached_property
    def _resident(self) -> Batch:
        # kept from the first batch on: it is sent once, and each batch holds it again
        return jax.tree.map(self._on_every_device, dict(resident_arrays(self._source)))

    def _on_every_device(self, array: np.ndarray) -> jax.Array:
        def read(part: Any) -> np.ndarray:
            return array[part]

        return jax.make_array_from_callback(array.shape, self.replicated, read)

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
        sent = jax.tree.map(self._abstract_sent, dict(spec))
        held = jax.tree.map(self._abstract_held, dict(resident_arrays(self._source)))
        return self.compile(step).lower(state, sent | held)

    def _abstract_held(self, array: np.ndarray) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=self.replicated)

    def _abstract_sent(self, part: Any) -> jax.ShapeDtypeStruct:
        """One host's part [b, ...] of an array -> the global array that `send` makes of it."""
        count, *rest = part.shape
        count *= jax.process_count()
        if self.parts == 1:
            shape = (count, *rest)
        else:
            shape = (self.parts, count // self.parts, *rest)
        return jax.ShapeDtypeStruct(shape, part.dtype, sharding=self.examples_in_parts)

    def send(self, batch: Batch) -> Batch:
        """One transfer of this host's part of a training batch."""
        parts = jax.tree.map(self._in_parts, dict(batch))
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
