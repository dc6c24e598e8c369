"""The other runner: `jax.pmap` with explicit means over a named axis.

Every device has its own copy of the state and its part of the batch, and the step averages by name
over the axis `batch`. What checkpoints and evaluators see are ordinary arrays on a mesh.

Shapes: a batch is [B, ...], or [A, B / A, ...] when it is taken in A parts; D devices, of which
this host has d.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.config import View
from effjax.contract import Source
from effjax.devices.layout import Layout
from effjax.devices.mesh import Mesh
from effjax.devices.runner import Batch, Step, make_mesh, put, resident_arrays
from effjax.errors import UserError


class Pmap:
    """`jax.pmap` over devices; see `effjax.devices.runner.Runner` and, for `Args`, `Mesh`.

    Raises:
      UserError: a batch that cannot be divided evenly, or `parallel.fsdp`: pmap copies everything.
    """

    batch_axis = "batch"
    fsdp = 1

    def __init__(
        self,
        devices: list[jax.Device],
        batch_size: int,
        parts: int,
        parallel: View,
    ):
        if parallel.fsdp != 1:
            raise UserError(
                f"parallel.fsdp = {parallel.fsdp}, but pmap copies all to every device\n"
                "give --config.parallel.mode=mesh"
            )
        self.parts = parts
        self.devices = devices
        here = jax.process_index()
        self.here = [device for device in devices if device.process_index == here]
        self._ordinary = Mesh(devices, batch_size, parts, parallel)
        self.mesh = self._ordinary.mesh
        # of several hosts pmap takes none
        self.lowers_shapes = jax.process_count() == 1
        self.copies = _one_copy_each(devices)
        # made once: a fresh function at each save would be traced and compiled each time
        self._spread = jax.jit(self._copy_to_each, out_shardings=self.copies)
        self._first = jax.jit(_first_copy, out_shardings=self._ordinary.replicated)
        self._source: Source | None = None

    def hold(self, source: Source) -> None:
        """Keeps what a source calls `resident` on every device; sent with the first batch."""
        self._source = source

    @functools.cached_property
    def _resident(self) -> Batch:
        return jax.tree.map(self._on_every_device, dict(resident_arrays(self._source)))

    def _on_every_device(self, array: np.ndarray) -> jax.Array:
        """[...] -> [D, ...]."""
        shape = (len(self.devices), *array.shape)
        one_copy = array[None]
        return jax.make_array_from_callback(shape, self.copies, lambda part: one_copy)

    def lay_out(self, state: Any) -> Layout:
        """The layout of the ordinary state; here every array is a copy on every device."""
        layout = self._ordinary.lay_out(state)
        self.state_shardings = self._ordinary.state_shardings
        return layout

    def place(self, state: Any) -> Any:
        """[...] -> [D, ...]: one copy of the state on every device."""
        return self._spread(state)

    def _copy_to_each(self, state: Any) -> Any:
        count = len(self.devices)

        def copy(x: jax.Array) -> jax.Array:
            return jnp.broadcast_to(x, (count, *x.shape))

        return jax.tree.map(copy, state)

    def gather(self, state: Any) -> Any:
        """[D, ...] -> [...]: the copies are equal, the first one counts."""
        return self._first(state)

    def whole(self, tree: Any) -> Any:
        """The tree as it is: `gather` puts all of every array on every device."""
        return tree

    def compile(self, step: Step) -> Step:
        """The step with the state donated."""
        return jax.pmap(step, axis_name=self.batch_axis, donate_argnums=0, devices=self.devices)

    def lower(self, step: Step, state: Any, spec: Mapping[str, Any]) -> jax.stages.Lowered:
        """The step, traced but not compiled; see `Runner.lower`."""
        # pmap's lower wants arrays where jit's takes shapes
        batch = self.send(jax.tree.map(_zeros, dict(spec)))
        if not isinstance(state.step, jax.Array):
            state = jax.eval_shape(self.place, state)
        if jax.process_count() > 1:
            # pmap's lower takes what one host has; the program that it makes takes global arrays
            state = jax.tree.map(self._local, state)
            batch = jax.tree.map(self._local, batch)
        return self.compile(step).lower(state, batch)

    def _local(self, array: jax.Array) -> jax.Array:
        """[D, ...] over all hosts -> [d, ...], this host's."""
        shape = (len(self.here), *array.shape[1:])
        own = [shard.data for shard in array.addressable_shards]
        sharding = _one_copy_each(self.here)
        return jax.make_array_from_single_device_arrays(shape, sharding, own)

    def send(self, batch: Batch) -> Batch:
        """[B, ...] -> [D, B / D, ...], or [D, A, B / (A D), ...]."""
        parts = jax.tree.map(self._split, dict(batch))
        if jax.process_count() > 1:
            parts = put(parts, self.copies)
        # else pmap itself sends each device its part, in one go
        return parts | self._resident

    def _split(self, array: np.ndarray) -> np.ndarray:
        """[b, ...] of this host -> [d, b / d, ...], or [d, A, b / (A d), ...]."""
        one_example = array.shape[1:]
        parts = array.reshape(self.parts, len(self.here), -1, *one_example)
        # parts come first in the batch, so that they are the same for any number of devices
        parts = np.swapaxes(parts, 0, 1)
        return parts if self.parts > 1 else parts[:, 0]

    def send_whole(self, batch: Batch) -> Batch:
        """One transfer of this host's part of an evaluation batch."""
        return self._ordinary.send_whole(batch)

    def fetch(self, metrics: Any) -> Any:
        """Metrics of a step as host scalars, which are the same on every device; waits for it."""
        return jax.device_get(jax.tree.map(_own_copy, metrics))


def _one_copy_each(devices: list[jax.Device]) -> NamedSharding:
    """[D, ...] with one row on each device."""
    return NamedSharding(make_mesh((-1,), ("copy",), devices), PartitionSpec("copy"))


def _first_copy(state: Any) -> Any:
    return jax.tree.map(lambda x: x[0], state)


def _own_copy(array: jax.Array) -> jax.Array:
    """[D, ...] -> [...]: a copy that lies on this host, which x[0] need not."""
    shard = array.addressable_shards[0]
    return shard.data[0]


def _zeros(part: jax.ShapeDtypeStruct) -> np.ndarray:
    return np.zeros(part.shape, part.dtype)
