"""Searching cells as a task over the loop: weights and alphas, each with images of its own.

A subclass says how alphas become operation weights, and what gradient they get. The parameters are
{"network": ..., "alphas": {"normal": [E, O], "reduce": [E, O]}}; `config.optim.default` serves the
network, `config.optim.alphas` the alphas. model_state["search"] holds the way that the cells take.

Shapes: B batch, E edges of a cell, O operations, K classes.
"""

import functools
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effjax import models
from effjax.config import View
from effjax.contract import Apply, Batch, Metrics, Params, Source, TrainState
from effjax.errors import UserError
from effjax.models.families.darts import DartsArchitecture
from effjax.search.cells import trajectory
from effjax.search.cells.halves import TwoParts, parts_of
from effjax.search.cells.options import CellConfig
from effjax.search.cells.supernet import CELL_TYPES, CellSpace, CellSupernet, Weights, thirds
from effjax.search.cells.way import Way
from effjax.tasks.classification import Classification

ALPHA_SCALE = 1e-3  # of the normal numbers that alphas start from
WEIGHTS_ONLY = "weights"  # the variant of steps in which alphas stay as they are


class Seen(NamedTuple):
    """What a pass of the network over a batch gives."""

    loss: jax.Array
    model_state: Any
    metrics: Metrics


class CellSearch(Way, Classification):
    """The part that all searches of cells share; see `DartsSearch` and `PrDartsSearch`."""

    Config = CellConfig
    trains_model = False
    norm_pools = True
    last_norm = False

    def __init__(
        self,
        config: View,
        batch_axis: str | None = None,
    ):
        super().__init__(config, batch_axis)
        for key, unused in {"accumulate": 1, "sam.rho": None}.items():
            value = functools.reduce(lambda part, name: part[name], key.split("."), config)
            if value != unused:
                raise UserError(f"config.{key} = {value}: a search of cells does without it")
        for key in ("frozen", "unfreeze_steps", "unfreeze_epochs", "class_weights"):
            if getattr(self.options, key) is not None:
                raise UserError(f"config.task.{key}: a search of cells does without it")
        self.space = CellSpace(
            self.options.operations, self.options.nodes, self.norm_pools, self.last_norm
        )

    # ---------------------------------------------------------------- what a subclass says

    def operation_weights(
        self,
        alphas: Params,
        key: jax.Array | None,
        step: jax.Array,
    ) -> Weights:
        """{"normal": [E, O], ...} of one pass; key None: without draws, for evaluation."""
        raise NotImplementedError

    def alpha_gradient(
        self,
        state: TrainState,
        batches: tuple[Batch, Batch],
        key: jax.Array,
        apply: Apply,
    ) -> tuple[Params, Metrics]:
        """(the gradient for the alphas, metrics), of a batch for weights and a held-out one."""
        raise NotImplementedError

    # -------------------------------------------------------------------------- the network

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The network that will have the cells that are found."""
        model = self.build_model()
        if not isinstance(model.architecture, DartsArchitecture):
            raise UserError(
                f"config.model.name = {self.config.model.name!r} is no network of such cells\n"
                "give --config.model.name=darts_v2"
            )
        return model

    @functools.cached_property
    def supernet(self) -> CellSupernet:
        """The network that is searched."""
        options = self.options
        return CellSupernet(
            self.space,
            self.model.num_classes,
            options.search_width,
            options.search_layers,
            thirds(options.search_layers),
            options.stem_multiplier,
            self.batch_axis,
        )

    @functools.cached_property
    def parts(self) -> TwoParts:
        """The images for weights, and those for alphas."""
        return TwoParts(self.split, self.config.seed, 1 - self.options.alpha_share)

    def source(self) -> Source:
        return self.parts

    def init(
        self,
        rng: jax.Array,
        batch: Batch,
    ) -> tuple[Params, Any]:
        self._steps("hold", 0)  # refuses a wrong duration before anything is compiled
        network_key, *alpha_keys = jax.random.split(rng, 1 + len(CELL_TYPES))
        shape = (len(self.space.edges), len(self.space.operations))
        alphas = {}
        for name, key in zip(CELL_TYPES, alpha_keys):
            alphas[name] = ALPHA_SCALE * jax.random.normal(key, shape)
        weights = {name: jax.nn.softmax(alpha) for name, alpha in alphas.items()}
        variables = self.supernet.init(network_key, self.images(batch)[:1], weights)
        memory = trajectory.empty(self._entries(), alphas)
        params = {"network": variables["params"], "alphas": alphas}
        return params, {"batch_stats": variables["batch_stats"], "search": memory}

    def load(
        self,
        params: Params,
        model_state: Any,
        source: str,
    ) -> Any:
        raise UserError("a search of cells starts afresh: leave out config.init_from")

    def groups(self, params: Params) -> Any:
        return {
            "network": jax.tree.map(lambda _: "default", params["network"]),
            "alphas": jax.tree.map(lambda _: "alphas", params["alphas"]),
        }

    def depths(self, params: Params) -> None:
        return None

    def network_not_learned(self) -> frozenset[str]:
        return frozenset()

    def seen(
        self,
        network: Params,
        model_state: Any,
        batch: Batch,
        weights: Weights,
        key: jax.Array,
    ) -> Seen:
        """A pass in training mode with given operation weights."""
        images, targets = self.mixed(batch, key)
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        logits, changed = self.supernet.apply(
            {"params": network, "batch_stats": model_state["batch_stats"]},
            images,
            weights,
            examples,
            mutable=["batch_stats"],
        )
        losses = self.loss_function(logits, targets)
        total = (losses * mask).sum()
        count = mask.sum()
        metrics = {"loss": (total, count)}
        for name, scores in self.targets.scores(logits, targets).items():
            metrics[name] = ((scores * mask).sum(), count)
        return Seen(total / jnp.maximum(count, 1.0), {**model_state, **changed}, metrics)

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        rng: jax.Array,
        step: jax.Array,
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        """The loss of the weights; `batch` may hold the held-out part too."""
        own, _ = parts_of(batch)
        mix_key, draw_key = jax.random.split(rng)
        weights = self.operation_weights(params["alphas"], draw_key, step)
        found = self.seen(params["network"], model_state, own, weights, mix_key)
        return found.loss, (found.model_state, found.metrics)

    def predict(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
    ) -> jax.Array:
        """Logits [B, K] of the whole searched network."""
        weights = self.operation_weights(params["alphas"], None, jnp.int32(0))
        variables = {"params": params["network"], "batch_stats": model_state["batch_stats"]}
        logits = self.supernet.apply(variables, self.images(batch), weights)
        return self.targets.outputs(logits)

    def facts(
        self,
        params: Params,
        batch: Batch,
    ) -> dict[str, Any]:
        return {}

    # ----------------------------------------------------------------------------- training

    def variant(self, step: int) -> Hashable:
        """Steps before `hold` have a program without the alphas' gradient."""
        return WEIGHTS_ONLY if step < self._steps("hold", 0) else ()

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        """First the alphas, then the weights at the new alphas, as DARTS does."""
        alpha_key, weight_key = jax.random.split(rng)
        metrics: Metrics = {}
        if variant != WEIGHTS_ONLY:
            grads, metrics = self.alpha_gradient(state, parts_of(batch), alpha_key, apply)
            state = apply(state, _in_place(state, alphas=grads), only="alphas")

        def of_weights(network: Params) -> tuple[jax.Array, tuple[Any, Metrics]]:
            params = {**state.params, "network": network}
            return self.loss(params, state.model_state, batch, weight_key, state.step)

        gradient = jax.value_and_grad(of_weights, has_aux=True)
        (value, (model_state, own)), grads = gradient(state.params["network"])
        state = state.replace(model_state=model_state)
        state = apply(state, _in_place(state, network=grads), only="default", value=value)
        return state, own | metrics

    def stepped(
        self,
        state: TrainState,
        grads: Params,
        apply: Apply,
    ) -> Params:
        """The network's weights after the step that the optimizer would make."""
        return apply(state, _in_place(state, network=grads), only="default").params["network"]


def _in_place(state: TrainState, **given: Params) -> Params:
    """Gradients for all parameters: zeros for those that are not given."""
    grads = dict(state.params)
    for name, part in state.params.items():
        grads[name] = given.get(name, jax.tree.map(jnp.zeros_like, part))
    return grads
