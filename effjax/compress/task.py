"""Training under masks: the tasks behind `effjax compress` with a config.

The masks are part of the model state: {"masks": a tree of int8 where weights are pruned}. They are
saved, restored and evaluated with it. A pruned weight is 0 from the first update on, whatever the
optimizer adds: its gradient is masked before the update, the parameters after it, and what an
optimizer or an average evaluates is masked where it is read.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from effjax.compress.arms import ARMS, arm_of
from effjax.compress.densities import check_density
from effjax.compress.images import first_batches
from effjax.compress.masks import apply_masks, ones_like, prunable
from effjax.compress.methods import METHODS, Problem, Wanted, make_masks
from effjax.compress.model_state import divided
from effjax.compress.patterns import read_pattern
from effjax.compress.record import write_record
from effjax.compress.schedules import SCHEDULES
from effjax.compress.select import Scope
from effjax.compress.sites import flat, nested
from effjax.config import Clock
from effjax.contract import Apply, Batch, Metrics, Params, Source, TrainState, join_variables
from effjax.errors import UserError
from effjax.ranges import Count, Range
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import Distillation
from effjax.tasks.registry import register_task

MASKS = "masks"


@dataclasses.dataclass(frozen=True)
class MaskOptions:
    """Keys of `config.task` that say how a network is pruned."""

    method: str = "synflow"  # a registered method, see docs/compress.md
    density: float = 0.1  # the share of weights that is kept
    pattern: str | None = None  # "2:4": of every 4 neighbouring inputs of a layer 2 are kept
    scope: Scope = "global"  # among which weights scores are compared: global, layer, erk
    rounds: Count | None = None  # how often scores are taken; None: as the method's authors do
    rounds_schedule: str = "exponential"  # exponential, linear or cubic
    keep: str | None = None  # regex over paths of kernels that stay dense, such as "stem|head"
    batches: Count = 1  # of images, for scores that look at a loss
    # sanity arms: "shuffled" has the method's masks shuffled in each layer; "random" draws as many
    # weights in each layer
    arm: str = "method"
    every_steps: Count | None = None  # prune during training, so often; None: before it
    # during training: the share of the run after which the density is reached
    until_percent: Annotated[float, Range(0.0, 100.0, "(]")] = 50.0

    def __post_init__(self) -> None:
        check_density(self.density)
        if self.arm not in ARMS:
            raise UserError(f"config.task.arm = {self.arm!r}; expected one of {', '.join(ARMS)}")
        METHODS.find(self.method)
        SCHEDULES.find(self.rounds_schedule)
        if self.pattern is not None:
            self._check_pattern(self.pattern)

    def _check_pattern(self, text: str) -> None:
        kept, of = read_pattern(text)
        if self.density not in (1.0, kept / of):  # the dense arm has 1
            raise UserError(
                f"config.task.density = {self.density}, but {text} keeps {kept / of:g}\n"
                f"give --config.task.density={kept / of:g}"
            )
        for key in ("rounds", "every_steps"):
            if getattr(self, key) not in (None, 1):
                raise UserError(f"config.task.{key}: a pattern is chosen at once; leave it out")
        if self.scope != "global":
            raise UserError("config.task.scope: a pattern compares its own groups; leave it out")


def opened(params: Params) -> Params:
    """Fresh parameters in which no norm closes its branch: scales that are 0 are 1.

    The last norm of a ResNet's branch starts at 0, so that a block is its shortcut at first. Where
    masks have taken a channel's shortcut, relu(0 + 0) has no gradient: the channel is dead for
    ever, whatever is kept of its branch. Nor can gradients score weights behind a closed norm.
    """
    found = {}
    for path, leaf in flat(params).items():
        is_closed = path.endswith("/scale") & (leaf == 0).all()
        found[path] = jnp.where(is_closed, jnp.ones_like(leaf), leaf)
    return nested(found)


class UnderMasks:
    """What a task on labelled images does otherwise, where weights are pruned."""

    @functools.cached_property
    def wanted(self) -> Wanted:
        """The masks that the config asks for."""
        options = self.options
        wanted = Wanted(options.density, options.scope, options.rounds, options.rounds_schedule)
        if options.pattern is None or options.density == 1.0:
            return wanted
        return dataclasses.replace(wanted, pattern=read_pattern(options.pattern))

    def init(
        self,
        rng: jax.Array,
        batch: Batch,
    ) -> tuple[Params, Any]:
        params, model_state = super().init(rng, batch)
        if self.options.every_steps is None:
            params = opened(params)
        return params, {**model_state, MASKS: self._dense(params)}

    def _dense(self, params: Params) -> Any:
        masks = ones_like(prunable(params, self.options.keep))
        return nested({path: jnp.asarray(mask) for path, mask in masks.items()})

    def load(
        self,
        params: Params,
        model_state: Any,
        source: str,
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        rest, masks = divided(model_state, MASKS)
        params, rest, report = super().load(params, rest, source)
        return params, {**rest, MASKS: masks}, report

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        rng: jax.Array,
        step: jax.Array,
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        rest, masks = divided(model_state, MASKS)
        # the gradient of a masked weight is 0, in every optimizer and in every norm
        params = apply_masks(params, flat(masks))
        loss, (rest, metrics) = super().loss(params, rest, batch, rng, step)
        return loss, ({**rest, MASKS: masks}, metrics)

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Any = (),
    ) -> tuple[TrainState, Metrics]:
        masks = flat(state.model_state[MASKS])

        def apply_under_masks(
            state: TrainState,
            grads: Any,
            **rest: Any,
        ) -> TrainState:
            state = apply(state, apply_masks(grads, masks), **rest)
            # decay, noise and directions that mix weights move what has no gradient too
            return state.replace(params=apply_masks(state.params, masks))

        return super().update(state, batch, rng, apply_under_masks, variant)

    def predict(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
    ) -> jax.Array:
        params, rest = self.network_alone(params, model_state)
        return super().predict(params, rest, batch)

    def network_alone(
        self,
        params: Params,
        model_state: Any,
    ) -> tuple[Params, Any]:
        """The sparse network alone: weights under their masks, and no masks."""
        if MASKS not in model_state:
            return params, model_state
        rest, masks = divided(model_state, MASKS)
        return apply_masks(params, flat(masks)), rest

    # ------------------------------------------------------------------------------- the masks

    def between_every(self, clock: Clock) -> int | None:
        self._total = clock.total_steps
        # once, before the first update, unless the network is pruned as it is trained
        return self.options.every_steps or clock.total_steps + 1

    def between(
        self,
        state: TrainState,
        step: int,
        source: Source,
    ) -> Any | None:
        rest, masks = divided(state.model_state, MASKS)
        density = self._density_after(step)
        if density is None:
            return None
        before = jax.device_get(flat(masks))
        variables = join_variables(state.params, rest)
        wanted = self.wanted
        if self.options.every_steps is not None:
            wanted = dataclasses.replace(wanted, density=density, rounds=1)
        problem = self.problem(variables, before)
        found = make_masks(self.options.method, problem, wanted)
        found = arm_of(self.options.arm, found, problem.seed, wanted.pattern)
        return {**rest, MASKS: nested({path: jnp.asarray(m) for path, m in found.items()})}

    def _density_after(self, step: int) -> float | None:
        """The density that holds from now on; None: that of before."""
        options = self.options
        if options.every_steps is None:
            return options.density if step == 0 else None
        last = self._total * options.until_percent / 100
        share = min(1.0, step / max(1.0, last))
        over = step - options.every_steps >= last
        if step == 0 or over:
            return None
        return SCHEDULES.find(options.rounds_schedule)(options.density, share)

    def problem(
        self,
        variables: Any,
        masks: Mapping[str, Any] | None = None,
    ) -> Problem:
        """The network as something to be pruned."""
        if jax.process_count() > 1:
            raise UserError(
                "masks are made on one host: each would score by its own images\n"
                "prune on one host, then start from that run: --config.init_from"
            )
        return Problem(
            model=self.model,
            variables=variables,
            weights=prunable(variables["params"], self.options.keep),
            image_shape=self.split.image_shape,
            batches=functools.partial(first_batches, self, self.options.batches),
            seed=self.config.seed,
            start=masks,
        )

    def finish(
        self,
        state: TrainState,
        workdir: Path,
    ) -> None:
        super().finish(state, workdir)
        rest, masks = divided(state.model_state, MASKS)
        masks = jax.device_get(flat(masks))
        variables = join_variables(state.params, rest)
        write_record(self.model, variables, self.split.image_shape, masks, self.options, workdir)


@register_task("prune", "labelled images, most weights held at 0 by masks")
class Prune(UnderMasks, Classification):
    """Classification of which a share of the weights is kept."""

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config, MaskOptions):
        """Keys of `config.task`."""

        def __post_init__(self) -> None:
            MaskOptions.__post_init__(self)


@register_task("prune_distill", "as prune, and what a trained teacher says of the images")
class PruneDistill(UnderMasks, Distillation):
    """Distillation into a network of which a share of the weights is kept."""

    @dataclasses.dataclass(frozen=True)
    class Config(Distillation.Config, MaskOptions):
        """Keys of `config.task`."""

        def __post_init__(self) -> None:
            Distillation.Config.__post_init__(self)
            MaskOptions.__post_init__(self)
