"""The task `interval_experts`: copies of a flow's network, each of which learns its own times.

DiffPruning, https://arxiv.org/abs/2409.15557; see `find_experts` for what is ours.
Shapes: B batch, H W space, C channels, k copies.
"""

import copy
import dataclasses
import functools
from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import ndtri

from effjax.compress.generators.find_experts import (
    Experts,
    depth_macs,
    read_experts,
    share_before,
    steps_of,
    with_depth,
)
from effjax.compress.generators.flow_teacher import check_flow, teacher_params
from effjax.config import View, as_path
from effjax.contract import Apply, Batch, Metrics, Params, TrainState, Variables
from effjax.contract.gradient import whole_gradient
from effjax.diffusion.process import Network
from effjax.errors import UserError
from effjax.models.families.dit import DiT
from effjax.tasks.diffusion.options import DiffusionConfig
from effjax.tasks.diffusion.task import Diffusion
from effjax.tasks.registry import register_task
from effjax.training.parts import part_label


@register_task("interval_experts", "copies of a flow's network, each for an interval of times")
class IntervalExperts(Diffusion):
    """Trains the copies that `effjax compress --intervals=k` has chosen, one in each update.

    Attributes:
      trained: the number of the copy that this update trains; None: outside of training.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(DiffusionConfig):
        """Keys of `config.task`."""

        experts: str = ""  # the folder that `effjax compress --intervals=k` has written

    trained: int | None = None

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if config.accumulate != 1 or config.sam.rho is not None:
            raise UserError(f"task {self.name!r} takes neither accumulate nor sam; leave them out")
        if self.options.mask_ratio is not None:
            raise UserError(f"task {self.name!r} has no second pass; leave out task.mask_ratio")

    @functools.cached_property
    def experts(self) -> Experts:
        """Which times and blocks each copy has."""
        return read_experts(as_path(self.options.experts))

    @functools.cached_property
    def models(self) -> tuple[DiT, ...]:
        """The copies."""
        return tuple(with_depth(self.model, len(kept)) for kept in self.experts.kept)

    # -------------------------------------------------------------------------- what it learns

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        """Copies of the teacher without the blocks that are left out."""
        check_flow(self, as_path(self.options.experts))
        whole = teacher_params(self, self.experts.teacher)
        params = {}
        for number, kept in enumerate(self.experts.kept):
            params[f"expert_{number}"] = jax.tree.map(jnp.asarray, without_blocks(whole, kept))
        return params, {}

    def groups(self, params: Params) -> Any:
        """A copy has an optimizer of its own, all as `config.optim.default` says."""
        labels = {}
        for number, name in enumerate(params):
            label = part_label("default", number)
            labels[name] = jax.tree.map(lambda _, label=label: label, params[name])
        return labels

    def variant(self, step: int) -> Hashable:
        """Which copy learns: each as often as training's times fall into its interval."""
        draw = np.random.default_rng((self.config.seed, step)).uniform()
        return int(np.searchsorted(self.experts.edges, draw, "right"))

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: Array,
        apply: Apply,
        variant: Hashable = 0,
    ) -> tuple[TrainState, Metrics]:
        # a copy: what is traced for one variant must not be seen by the next
        chosen = copy.copy(self)
        chosen.trained = int(variant or 0)
        chosen.process = _Inside(self.process, *self.interval(chosen.trained))
        found = whole_gradient(chosen.loss, state, batch, rng)
        label = part_label("default", chosen.trained)
        return apply(state, found.grads, only=label), found.metrics

    def interval(self, number: int) -> tuple[float, float]:
        """Where a copy's times begin and end, as shares of training's times."""
        edges = (0.0, *self.experts.edges, 1.0)
        return edges[number], edges[number + 1]

    # ------------------------------------------------------------------------------- networks

    def network(self, variables: Variables, labels: Array, hidden: Any = None) -> Network:
        """(x, told) -> output: of the copy that is trained, or of the one for each time."""
        params = variables["params"]

        def of_copy(number: int, x: Array, told: Array) -> Array:
            own = {"params": params[f"expert_{number}"]}
            return self.models[number].apply(own, x, told, labels)

        def network(x: Array, told: Array) -> Array:
            if self.trained is not None:
                return of_copy(self.trained, x, told)
            outputs = jnp.stack([of_copy(n, x, told) for n in range(len(self.models))])
            return outputs[self.serving(told), jnp.arange(len(x))]

        return network

    def denoise(
        self,
        variables: Variables,
        x: Array,
        told: Array,
        labels: Array,
        classes: Array | None = None,
    ) -> Array:
        """As `network`, where all examples stand at one time: one copy alone runs."""
        params = variables["params"]
        branches = []
        for number, model in enumerate(self.models):
            own = {"params": params[f"expert_{number}"]}
            branches.append(functools.partial(model.apply, own))
        return lax.switch(self.serving(told)[0], branches, x, told, labels)

    def serving(self, told: Array) -> Array:
        """[B]: the copy for each time."""
        share = share_before(self.process, told / self.process.time_scale)
        return jnp.searchsorted(jnp.asarray(self.experts.edges), share, side="right")

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        """Multiply-adds of a mean step of the sampler, beside the teacher's."""
        shares = steps_of(self.process, self.experts.edges)
        each = [depth_macs(self, len(kept)) for kept in self.experts.kept]
        return {
            "macs": round(float(np.dot(shares, each))),
            "teacher_macs": depth_macs(self, self.model.architecture.depth),
        }


class _Inside:
    """A process whose times fall into an interval alone.

    Args:
      process: of all times.
      low, high: as shares of training's times.
    """

    def __init__(self, process: Any, low: float, high: float):
        self._process = process
        self._low = low
        self._high = high

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def time(self, uniform: Array, normal: Array) -> Array:
        """Of the uniform draw alone: a normal one would leave the interval."""
        share = self._low + (self._high - self._low) * uniform
        # its ends are infinitely far in a normal distribution
        share = jnp.clip(share, 1e-4, 1 - 1e-4)
        return self._process.time(share, ndtri(share))


def without_blocks(params: Params, kept: tuple[int, ...]) -> Params:
    """Parameters of a DiT with the blocks `kept` alone, numbered anew."""
    found = {name: tree for name, tree in params.items() if not name.startswith("blocks_")}
    for number, block in enumerate(kept):
        found[f"blocks_{number}"] = params[f"blocks_{block}"]
    return found
