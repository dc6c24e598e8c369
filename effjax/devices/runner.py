"""What the loop asks of the devices: the protocol of a runner, and what both runners share.

A runner takes one training step to several devices. `effjax.devices.mesh.Mesh` and
`effjax.devices.pmap.Pmap` do so in two ways that agree to rounding, because random draws belong to
examples and not to devices. Each host sends its part of a batch; the arrays on the devices are
global ones.

Shapes: a batch is [B, ...], or [A, B / A, ...] when it is taken in A parts; D devices.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding

from effjax.contract import Source
from effjax.devices.layout import Layout
from effjax.errors import UserError

Batch = Mapping[str, Any]
Step = Callable[[Any, Any], tuple[Any, Any]]  # (state, batch) -> (state, metrics)


class Runner(Protocol):
    """One training step on several devices.

    The state has two forms. Between steps it lies as the compiled step wants it (`place`);
    checkpoints and evaluators see ordinary global arrays (`gather`).

    Attributes:
      mesh: the devices as a grid with the axes `data` and `fsdp`.
      fsdp: how many devices share each parameter.
      batch_axis: the axis over which the step has to average by name; None: XLA does it.
      state_shardings: how the ordinary state lies on the devices; set by `lay_out`.
      lowers_shapes: whether `lower` takes an abstract state.
    """

    mesh: jax.sharding.Mesh
    fsdp: int
    batch_axis: str | None
    state_shardings: Any
    lowers_shapes: bool

    def hold(self, source: Source) -> None:
        """Keeps what a source calls `resident` on every device; sent with the first batch."""

    def lay_out(self, state: Any) -> Layout:
        """Decides which device holds what of an abstract state, between steps."""

    def place(self, state: Any) -> Any:
        """An ordinary state -> the state as the compiled step wants it."""

    def gather(self, state: Any) -> Any:
        """The inverse of `place`: ordinary global arrays, laid out."""

    def whole(self, tree: Any) -> Any:
        """An ordinary tree with all of every array on every device, as evaluators want it."""

    def compile(self, step: Step) -> Step:
        """The step with the state donated."""

    def lower(self, step: Step, state: Any, spec: Mapping[str, Any]) -> jax.stages.Lowered:
        """The step, traced but not compiled.

        Args:
          state: a state that `place` returned, or an abstract one where `lowers_shapes`.
          spec: shapes and dtypes of one host's part of a batch.
        """

    def send(self, batch: Batch) -> Batch:
        """One transfer of this host's part of a training batch."""

    def send_whole(self, batch: Batch) -> Batch:
        """One transfer of this host's part of an evaluation batch."""

    def fetch(self, metrics: Any) -> Any:
        """Metrics of a step as host scalars; waits for the step."""


def make_mesh(shape: tuple[int, ...], axes: tuple[str, ...], devices: Any) -> jax.sharding.Mesh:
    """Devices as a grid whose axes XLA divides by itself."""
    grid = np.asarray(devices).reshape(shape)
    automatic = (AxisType.Auto,) * len(axes)  # jax.make_mesh would order the devices anew
    return jax.sharding.Mesh(grid, axes, axis_types=automatic)


def check_divides(batch_size: int, devices: int, parts: int) -> None:
    """Refuses a batch that the devices cannot share evenly.

    Raises:
      UserError: naming a batch size that they can.
    """
    # every device takes an equal share of every part, so that means over devices are exact
    if batch_size % (devices * parts) == 0:
        return
    what = f"data.batch_size = {batch_size} cannot be split over {devices} device(s)"
    if parts > 1:
        what += f" in {parts} parts"
    raise UserError(
        f"{what}\ngive a multiple of {devices * parts}, or fewer with --config.parallel.devices=N"
    )


def put(batch: Batch, sharding: NamedSharding) -> Batch:
    """This host's part of each array onto the devices, as one global array."""
    if jax.process_count() == 1:
        # one call for all arrays: each call has a cost of its own
        return jax.device_put(dict(batch), sharding)
    put_part = functools.partial(jax.make_array_from_process_local_data, sharding)
    return jax.tree.map(put_part, dict(batch))


def resident_arrays(source: Source | None) -> Mapping[str, np.ndarray]:
    """What every device holds through the run, as host arrays."""
    return {} if source is None else source.resident
