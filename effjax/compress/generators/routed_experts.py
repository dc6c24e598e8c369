"""The task `routed_experts`: smaller networks out of a flow's, each for the classes that it has.

APTP, https://arxiv.org/abs/2406.12042, after its router: see `prompt_router`.
Shapes: B batch, H W space, C channels, K experts.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax import models
from effjax.compress.generators.dit_parts import Parts
from effjax.compress.generators.flow_teacher import check_flow, teacher_params
from effjax.compress.generators.routes import Routes, read_routes, refuse_no_label
from effjax.config import View, as_path
from effjax.contract import Batch, Metrics, Params, Variables
from effjax.diffusion.process import Network
from effjax.errors import UserError
from effjax.models.families.dit import DiT
from effjax.tasks.diffusion.options import DiffusionConfig
from effjax.tasks.diffusion.task import Diffusion
from effjax.tasks.registry import register_task

SPARE = 1.5  # an expert has room for so many times its share of a batch


@register_task("routed_experts", "smaller networks out of a flow's, each for some classes")
class RoutedExperts(Diffusion):
    """Trains the experts that a `prompt_router` has found, all in each update.

    Attributes:
      serving: [B], the expert of each example of the batch that is trained on; None: outside of
        training.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(DiffusionConfig):
        """Keys of `config.task`."""

        routes: str = ""  # the folder of a run of task prompt_router

    serving: Array | None = None

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if self.options.mask_ratio is not None:
            raise UserError(f"task {self.name!r} has no second pass; leave out task.mask_ratio")

    @functools.cached_property
    def routes(self) -> Routes:
        """The parts and classes of each expert.

        Raises:
          UserError: none there, or of other classes.
        """
        found = read_routes(as_path(self.options.routes))
        if len(found.classes) != self.model.num_classes:
            raise UserError(
                f"{self.options.routes} has experts for {len(found.classes)} classes, the data "
                f"{self.model.num_classes}\ngive the same config.data as the router had"
            )
        return found

    @functools.cached_property
    def parts(self) -> Parts:
        """What the experts are cut out of."""
        check_flow(self, as_path(self.options.routes))
        return Parts(self.model, self.routes.groups, self.split.image_shape)

    @functools.cached_property
    def experts(self) -> tuple[DiT, ...]:
        """The networks."""
        return tuple(map(self.parts.small_model, self.routes.experts))

    def expert_of(self, classes: Array) -> Array:
        """[B]: the expert of each class."""
        return jnp.asarray(self.routes.classes)[classes]

    # -------------------------------------------------------------------------- what it learns

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        """What the teacher has of these parts."""
        parts = self.parts
        whole = teacher_params(self, self.routes.teacher)
        params = {}
        for number, blocks in enumerate(self.routes.experts):
            own = parts.small_params(whole, blocks)
            params[f"expert_{number}"] = jax.tree.map(jnp.asarray, own)
        return params, {}

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        raise UserError(
            f"task {self.name!r} begins with its teacher\nleave out config.init_from ({source})"
        )

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        """Of the examples for which their experts have room; `left_out` is the share of others."""
        # a copy: what is traced now must not be seen by the next trace
        chosen = copy.copy(self)
        chosen.serving = self.expert_of(self.labels(batch))
        fits = self.fits(chosen.serving)
        mask = batch["mask"]
        seen = {**batch, "mask": jnp.where(fits, mask, 0.0)}
        loss, (state, metrics) = Diffusion.loss(chosen, params, model_state, seen, rng, step)
        metrics["left_out"] = (jnp.where(fits, 0.0, mask).sum(), mask.sum())
        return loss, (state, metrics)

    def rooms(self, count: int) -> list[int]:
        """[K]: how many of a batch's examples each expert takes at most."""
        shares = self.routes.shares()
        return [min(count, math.ceil(SPARE * share * count)) for share in shares]

    def fits(self, serving: Array) -> Array:
        """[B]: whether an example is among the first of its expert, for which it has room."""
        own = jax.nn.one_hot(serving, len(self.experts), dtype=jnp.int32)
        before = (own.cumsum(0) * own).sum(-1) - 1
        return before < jnp.asarray(self.rooms(len(serving)))[serving]

    # ------------------------------------------------------------------------------- networks

    def network(self, variables: Variables, labels: Array, hidden: Any = None) -> Network:
        """(x, told) -> output: in training each expert's on its own examples, zeros elsewhere."""

        def of_expert(number: int, *inputs: Array) -> Array:
            own = {"params": variables["params"][f"expert_{number}"]}
            return self.experts[number].apply(own, *inputs)

        def all_of_all(x: Array, told: Array) -> Array:
            outputs = [of_expert(number, x, told, labels) for number in range(len(self.experts))]
            return jnp.stack(outputs)[self.expert_of(labels), jnp.arange(len(x))]

        def own_alone(x: Array, told: Array) -> Array:
            output = jnp.zeros(())
            for number, room in enumerate(self.rooms(len(x))):
                is_own = self.serving == number
                # a stable sort: the expert's examples first, in their order
                places = jnp.argsort(~is_own)[:room]
                made = of_expert(number, x[places], told[places], labels[places])
                kept = jnp.where(is_own[places, None, None, None], made, 0.0)
                blank = jnp.zeros((len(x), *made.shape[1:]), made.dtype)
                output += blank.at[places].set(kept)
            return output

        return all_of_all if self.serving is None else own_alone

    def denoise(
        self,
        variables: Variables,
        x: Array,
        told: Array,
        labels: Array,
        classes: Array | None = None,
    ) -> Array:
        """As `network`, where one expert has all the classes: it alone runs."""
        classes = labels if classes is None else classes
        branches = []
        for number, model in enumerate(self.experts):
            own = {"params": variables["params"][f"expert_{number}"]}
            branches.append(functools.partial(model.apply, own))
        return lax.switch(self.expert_of(classes)[0], branches, x, told, labels)

    def drawn_apart(self, labels: np.ndarray) -> np.ndarray:
        """[n]: the expert of each sample; raises UserError for "no label", for which none is."""
        refuse_no_label(labels, self.model.num_classes)
        return np.asarray(self.routes.classes)[labels]

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        """Multiply-adds of a class's network on average, beside the teacher's."""
        shape = self.split.image_shape
        each = [models.cost(model, shape).macs for model in self.experts]
        return {
            "macs": round(float(np.dot(self.routes.shares(), each))),
            "teacher_macs": models.cost(self.model, shape).macs,
        }
