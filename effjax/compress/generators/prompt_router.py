"""The task `prompt_router`: which parts of a trained flow's network each class needs.

APTP, Ganjdanesh et al. 2025, https://arxiv.org/abs/2406.12042, with classes as the prompts and the
network's own embeddings of them as the encoder. The network is held. A linear router makes an
architecture of each class, which is replaced by the most similar one of K codes; the network is run
under the gates of that code. At the end gates are rounded within the budget, and `routes.json` has
K smaller networks and the classes of each, which `routed_experts` trains on.

    loss = flow's error + distillation + weight |log(multiply-adds / budget)| + contrastive + spread

Shapes: B batch, H W space, C channels, N classes, P numbers of a prompt, K codes, G gates.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.compress.generators import router
from effjax.compress.generators.dit_parts import Parts
from effjax.compress.generators.flow_teacher import check_flow, teacher_params
from effjax.compress.generators.gates import (
    architecture_gates,
    comparable,
    hard,
    open_scores,
)
from effjax.compress.generators.routes import (
    Routes,
    refuse_no_label,
    within_budget,
    write_routes,
)
from effjax.config import View, as_path
from effjax.contract import Batch, Metrics, Params, TrainState, Variables
from effjax.costs import Budget
from effjax.diffusion.process import Network
from effjax.diffusion.shapes import mean_of_example
from effjax.errors import UserError
from effjax.ranges import Count, NotNegative
from effjax.tasks.accuracy import is_class
from effjax.tasks.diffusion.draws import draw_batch
from effjax.tasks.diffusion.options import DiffusionConfig
from effjax.tasks.diffusion.task import Diffusion
from effjax.tasks.registry import register_task

NO_NOISE = np.exp(-1.0)  # a uniform draw whose Gumbel noise is 0


class Choice(NamedTuple):
    """What the router says of all classes.

    Attributes:
      index: [N], the code of each class.
      gates: [N, G], soft ones, of these codes.
      vectors: [N, G], the architectures that classes ask for, see `comparable`.
    """

    index: Array
    gates: Array
    vectors: Array


@register_task("prompt_router", "which parts of a trained flow's network each class needs")
class PromptRouter(Diffusion):
    """Learns a router and K codes; parameters are {"network", "router", "codes"}."""

    @dataclasses.dataclass(frozen=True)
    class Config(DiffusionConfig):
        """Keys of `config.task`."""

        teacher: str = ""  # the folder of a diffusion run with the same config.model
        experts: Count = 3  # K
        budget: str = "0.7x"  # multiply-adds of a class's network, on average over the classes
        groups: Count = 8  # of hidden channels of an MLP, with a gate each
        # as if gates were mixed by similarities when gradients are taken, see `router.select`;
        # the authors' program looks them up: no loss of the network reaches the router
        straight_through: bool = True
        # codes get equal numbers of classes, see `router.evenly`; the authors' program takes the
        # largest entries of a plan, which may be those of one code
        evenly: bool = True
        distillation: NotNegative = 0.2  # weight of the distance to the whole network
        budget_weight: NotNegative = 2.0
        contrastive: NotNegative = 100.0  # similar prompts ask for similar architectures
        spread: NotNegative = 0.1  # a reward for codes of different size

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if self.options.mask_ratio is not None:
            raise UserError(f"task {self.name!r} has no second pass; leave out task.mask_ratio")

    @functools.cached_property
    def parts(self) -> Parts:
        """What gates may close.

        Raises:
          UserError: no DiT with process "flow", or one without classes.
        """
        check_flow(self, as_path(self.options.teacher))
        count = self.model.num_classes
        if count < self.options.experts:
            raise UserError(
                f"config.task.experts = {self.options.experts} of {count} classes: an expert has "
                "one class at least"
            )
        return Parts(self.model, self.options.groups, self.split.image_shape)

    @functools.cached_property
    def limit(self) -> Budget:
        """The budget as a number of multiply-adds."""
        return Budget("macs", self.options.budget).relative_to(self.parts.total)

    # -------------------------------------------------------------------------- what it learns

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        if not self.options.teacher:
            raise UserError(
                "config.task.teacher names the run whose network gets a router: "
                "--config.task.teacher=runs/digits"
            )
        gates = len(self.parts.structure.sizes)
        # refused before anything is trained
        self._rounded(np.zeros((1, gates)), np.zeros(self.model.num_classes, int))
        network = teacher_params(self, self.options.teacher)
        router_key, codes_key = jax.random.split(rng)
        orthogonal = nn.initializers.orthogonal()
        params = {
            "network": jax.tree.map(jnp.asarray, network),
            "router": orthogonal(router_key, (self.model.architecture.width, gates)),
            "codes": orthogonal(codes_key, (self.options.experts, gates)),
        }
        return params, {}

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        raise UserError(
            f"task {self.name!r} begins with its teacher\nleave out config.init_from ({source})"
        )

    def groups(self, params: Params) -> Any:
        """The network is held."""
        labels = jax.tree.map(lambda _: "default", params)
        return {**labels, "network": jax.tree.map(lambda _: "frozen", params["network"])}

    # ------------------------------------------------------------------------------- routing

    def prompts(self, params: Params) -> Array:
        """[N, P]: embeddings of the classes, of length 1."""
        table = params["network"]["y_embedder"]["embedding_table"]
        return router.unit(jax.lax.stop_gradient(table[: self.model.num_classes]))

    def choose(self, params: Params, rng: Array | None = None) -> Choice:
        """The codes of all classes.

        Args:
          rng: of the noise of gates; None: as outside of training.
        """
        structure = self.parts.structure
        asked = self.prompts(params) @ params["router"]  # [classes, G]
        offered = params["codes"]  # [experts, G]
        if rng is None:
            asked_noise = jnp.full(asked.shape, NO_NOISE)
            offered_noise = jnp.full(offered.shape, NO_NOISE)
        else:
            asked_key, offered_key = jax.random.split(rng)
            asked_noise = jax.random.uniform(asked_key, asked.shape)
            offered_noise = jax.random.uniform(offered_key, offered.shape)
        vectors = comparable(structure, architecture_gates(structure, asked, asked_noise))
        gates = architecture_gates(structure, offered, offered_noise)
        similarity = router.similarities(vectors, comparable(structure, gates))
        if self.options.evenly:
            index = router.evenly(router.balanced(similarity))
        else:
            index = router.chosen(similarity, training=rng is not None)
        selected = router.select(gates, similarity, index, self.options.straight_through)
        return Choice(index, selected, vectors)

    def network(
        self, variables: Variables, labels: Array, hidden: Any = None, classes: Array | None = None
    ) -> Network:
        """(x, told) -> output, under the gates of the classes [B]; None: of the labels."""
        params = variables["params"]
        gates = hard(self.choose(params).gates)[labels if classes is None else classes]

        def network(x: Array, told: Array) -> Array:
            return self.parts.apply(params["network"], gates, x, told, labels)[0]

        return network

    def denoise(
        self,
        variables: Variables,
        x: Array,
        told: Array,
        labels: Array,
        classes: Array | None = None,
    ) -> Array:
        return self.network(variables, labels, classes=classes)(x, told)

    def drawn_apart(self, labels: np.ndarray) -> np.ndarray:
        refuse_no_label(labels, self.model.num_classes)
        return super().drawn_apart(labels)

    # ------------------------------------------------------------------------------- a step

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        gates_key, rng = jax.random.split(rng)
        labels = self.labels(batch)
        mask = batch["mask"]
        draws = draw_batch(rng, batch["index"], self.split.image_shape, passes=1, tokens=0)
        clean = self.clean(batch, draws.latent)
        time = self.process.time(draws.uniform, draws.normal)
        x = self.process.noisy(clean, draws.noise[0], time)
        dropped = draws.drop[0] < self.options.label_dropout
        shown = jnp.where(dropped, self.model.num_classes, labels)
        teacher = jax.lax.stop_gradient(params["network"])
        told = self.process.told(time)

        choice = self.choose(params, gates_key)
        gates = hard(choice.gates)
        output, features = self.parts.apply(teacher, gates[labels], x, told, shown)
        whole = self.parts.apply(teacher, jnp.ones_like(gates)[labels], x, told, shown)
        errors = self.process.error(lambda *_: output, clean, draws.noise[0], time)
        apart = distances((output, features), whole)
        known = is_class(batch["label"], self.model.num_classes) | (mask == 0)
        losses = jnp.where(known, errors + self.options.distillation * apart, jnp.nan)
        losses = jnp.where(mask > 0, losses, 0.0)
        beside, facts = self.of_router(params, choice)
        total = losses.sum() / jnp.maximum(mask.sum(), 1.0) + beside
        metrics = {
            "loss": (jnp.where(mask > 0, errors, 0.0).sum(), mask.sum()),
            "distance": (jnp.where(mask > 0, apart, 0.0).sum(), mask.sum()),
        }
        return total, (model_state, metrics | facts)

    def of_router(self, params: Params, choice: Choice) -> tuple[Array, Metrics]:
        """The losses that are of all classes and of no image."""
        options = self.options
        parts = self.parts
        ratios = parts.open_macs(hard(choice.gates)) / parts.prunable
        target = router.prunable_target(self.limit.limit / parts.total, parts.prunable, parts.total)
        contrastive = router.contrastive(self.prompts(params), choice.vectors)
        total = options.budget_weight * router.resource_loss(ratios.mean(), target)
        total += options.contrastive * contrastive
        if options.spread and options.experts > 1:
            total += options.spread * sum(router.spread_losses(ratios))
        one = jnp.ones(())
        share = (ratios.mean() * parts.prunable + parts.macs.outside) / parts.total
        return total, {"cost": (share, one), "contrastive": (contrastive, one)}

    # ------------------------------------------------------------------------------ its end

    def scores(self, params: Params) -> np.ndarray:
        """[K, G]: by how much each gate of the codes is open."""
        return np.asarray(open_scores(self.parts.structure, params["codes"]), np.float64)

    def routes(self, params: Params) -> Routes:
        """The experts that the codes are, within the budget."""
        classes = np.asarray(jax.jit(self.choose)(params).index)
        gates = self._rounded(self.scores(params), classes)
        return Routes(
            str(as_path(self.options.teacher).resolve()),
            self.options.groups,
            tuple(classes.tolist()),
            tuple(self.parts.opened(code) for code in gates),
        )

    def _rounded(self, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return within_budget(self.parts, scores, classes, Budget("macs", self.options.budget))

    def finish(self, state: TrainState, workdir: Path) -> None:
        super().finish(state, workdir)
        write_routes(self.routes(state.params), workdir)


def distances(found: tuple[Array, list[Array]], wanted: tuple[Array, list[Array]]) -> Array:
    """[B]: squared distances of outputs, and of what blocks give, each a share of the wanted."""
    total = mean_of_example(jnp.square(found[0] - wanted[0]))
    for own, theirs in zip(found[1], wanted[1], strict=True):
        apart = mean_of_example(jnp.square(own - theirs))
        total += apart / mean_of_example(jnp.square(theirs)) / len(wanted[1])
    return total
