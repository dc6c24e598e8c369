"""A search by gradient as a task over the loop: weights and alphas, each with images of its own.

A subclass says what network is searched, how alphas become operation weights, and what gradient
they get. The parameters are {"network": ..., "alphas": {name: [..., O]}}; `config.optim.default`
serves the network, `config.optim.alphas` the alphas. model_state["search"] holds the way that the
alphas take.

Shapes: B batch, H W space, O operations, K classes.
"""

import functools
import itertools
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax.config import Clock, View
from effjax.contract import Apply, Batch, Metrics, Params, Source, TrainState
from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.search.cells import trajectory
from effjax.search.cells.collapse import largest_eigenvalue, stop_place
from effjax.search.cells.halves import TwoParts, parts_of
from effjax.search.cells.options import BilevelConfig, refuse_unused
from effjax.tasks.classification import Classification

ALPHA_SCALE = 1e-3  # of the normal numbers that alphas start from
WEIGHTS_ONLY = "weights"  # the variant of steps in which alphas stay as they are
MEMORY = "search"  # the part of the model state that holds the way
Weights = Mapping[str, jax.Array]  # {name: [..., O]}, of each operation


class Seen(NamedTuple):
    """What a pass of the network over a batch gives."""

    loss: jax.Array
    model_state: Any
    metrics: Metrics


class BilevelSearch(Classification):
    """The part that searches of cells and of mixers share."""

    Config = BilevelConfig
    trains_model = False

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        refuse_unused(config, self.options)

    # ---------------------------------------------------------------- what a subclass says

    def alpha_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """{name: (..., O)}, in the order in which they are drawn."""
        raise NotImplementedError

    def init_network(
        self, key: jax.Array, images: jax.Array, weights: Weights
    ) -> tuple[Params, dict[str, Any]]:
        """Fresh (parameters, further state) of the network that is searched."""
        raise NotImplementedError

    def run_network(
        self,
        network: Params,
        model_state: Mapping[str, Any],
        images: jax.Array,
        weights: Weights,
        examples: Examples,
        key: jax.Array | None,
    ) -> tuple[jax.Array, dict[str, Any]]:
        """(logits [B, K], the state that has changed); `examples` None: in evaluation."""
        raise NotImplementedError

    def operation_weights(self, alphas: Params, key: jax.Array | None, step: jax.Array) -> Weights:
        """The operation weights of one pass; key None: without draws, for evaluation."""
        raise NotImplementedError

    def alpha_gradient(
        self, state: TrainState, batches: tuple[Batch, Batch], key: jax.Array, apply: Apply
    ) -> tuple[Params, Metrics]:
        """(the gradient for the alphas, metrics), of a batch for weights and a held-out one."""
        raise NotImplementedError

    def skips_of(self, alphas: Mapping[str, Any]) -> int:
        """The skips in what these alphas stand for, which end a search by DARTS+."""
        raise NotImplementedError

    def write(
        self,
        alphas: Mapping[str, Any],
        memory: Mapping[str, Any],
        stopped: int | None,
        workdir: Path,
    ) -> None:
        """Writes what these alphas stand for and the way to them; see `stopped_at`."""
        raise NotImplementedError

    # -------------------------------------------------------------------------- the network

    @functools.cached_property
    def parts(self) -> TwoParts:
        """The images for weights, and those for alphas."""
        return TwoParts(self.split, self.config.seed, 1 - self.options.alpha_share)

    def source(self) -> Source:
        return self.parts

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        self._steps("hold", 0)  # refuses a wrong duration before anything is compiled
        shapes = self.alpha_shapes()
        network_key, *alpha_keys = jax.random.split(rng, 1 + len(shapes))
        alphas = {}
        for (name, shape), key in zip(shapes.items(), alpha_keys):
            alphas[name] = ALPHA_SCALE * jax.random.normal(key, shape)
        weights = {name: jax.nn.softmax(alpha) for name, alpha in alphas.items()}
        network, further = self.init_network(network_key, self.images(batch)[:1], weights)
        memory = trajectory.empty(self._entries(), alphas)
        return {"network": network, "alphas": alphas}, {**further, MEMORY: memory}

    def load(self, params: Params, model_state: Any, source: str) -> Any:
        raise UserError("a search by gradient starts afresh: leave out config.init_from")

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
        self, network: Params, model_state: Any, batch: Batch, weights: Weights, key: jax.Array
    ) -> Seen:
        """A pass in training mode with given operation weights."""
        images, targets = self.mixed(batch, key)
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        logits, changed = self.run_network(network, model_state, images, weights, examples, key)
        losses = self.loss_function(logits, targets)
        total = (losses * mask).sum()
        count = mask.sum()
        metrics = {"loss": (total, count)}
        for name, scores in self.targets.scores(logits, targets).items():
            metrics[name] = ((scores * mask).sum(), count)
        return Seen(total / jnp.maximum(count, 1.0), {**model_state, **changed}, metrics)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        """The loss of the weights; `batch` may hold the held-out part too."""
        own, _ = parts_of(batch)
        mix_key, draw_key = jax.random.split(rng)
        weights = self.operation_weights(params["alphas"], draw_key, step)
        found = self.seen(params["network"], model_state, own, weights, mix_key)
        return found.loss, (found.model_state, found.metrics)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> jax.Array:
        """Logits [B, K] of the whole searched network."""
        weights = self.operation_weights(params["alphas"], None, jnp.int32(0))
        images = self.images(batch)
        logits, _ = self.run_network(params["network"], model_state, images, weights, None, None)
        return self.targets.outputs(logits)

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
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

    def stepped(self, state: TrainState, grads: Params, apply: Apply) -> Params:
        """The network's weights after the step that the optimizer would make."""
        return apply(state, _in_place(state, network=grads), only="default").params["network"]

    # -------------------------------------------------------------------------- the way it takes

    def between_every(self, clock: Clock) -> int | None:
        return self._every

    def between(self, state: TrainState, step: int, source: Source) -> Any:
        """Notes the alphas down and, if asked to, the largest eigenvalue in them."""
        alphas = jax.device_get(state.params["alphas"])
        value = self._eigenvalue(state, source) if self.options.curvature_batches else np.nan
        memory = jax.device_get(state.model_state[MEMORY])
        return {**state.model_state, MEMORY: trajectory.written(memory, step, alphas, value)}

    def _eigenvalue(self, state: TrainState, source: Source) -> float:
        """The largest eigenvalue of the held-out loss in the alphas."""
        chunks = []
        batches = source.batches()
        network = state.params["network"]
        further = {name: part for name, part in state.model_state.items() if name != MEMORY}
        for batch in itertools.islice(batches, self.options.curvature_batches):
            _, held_out = parts_of(batch)
            weight = float(held_out["mask"].sum())
            chunks.append(((network, further, held_out, state.step), weight))
        batches.close()
        return largest_eigenvalue(self._loss_in_alphas, state.params["alphas"], chunks)

    @functools.cached_property
    def _loss_in_alphas(self) -> Any:
        """(alphas, (network, further state, batch, step)) -> the loss, with fixed draws."""

        def loss(alphas: Params, chunk: Any) -> jax.Array:
            network, further, batch, step = chunk
            key = jax.random.key(0)
            weights = self.operation_weights(alphas, key, step)
            return self.seen(network, further, batch, weights, key).loss

        return loss

    def done(self, state: TrainState) -> bool:
        return self.stopped_at(jax.device_get(state.model_state[MEMORY])) is not None

    def stopped_at(self, memory: Any) -> int | None:
        """The entry that is the answer of an early stop; None: there is none."""
        if self.options.stop == "never":
            return None
        values = memory["eigenvalues"][: int(memory["count"])]
        skips = [self.skips_of(alphas) for alphas in noted_alphas(memory)]
        return stop_place(self.options, values, skips)

    @property
    def _every(self) -> int:
        examples = self.parts.num_examples
        epoch = max(1, examples // self.config.data.batch_size)
        return max(1, self._steps("watch", epoch))

    def _entries(self) -> int:
        clock = Clock(self.config.data.batch_size, self.parts.num_examples)
        return 1 + clock.steps(self.config, "total") // self._every

    def _steps(self, name: str, default: int) -> int:
        return self.options.steps(name, self.config, self.parts.num_examples, default)

    def finish(self, state: TrainState, workdir: Path) -> None:
        memory = state.model_state[MEMORY]
        stopped = self.stopped_at(memory)
        alphas = state.params["alphas"] if stopped is None else noted_alphas(memory)[stopped]
        self.write(alphas, memory, stopped, workdir)


def noted_alphas(memory: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The alphas of every entry."""
    found = []
    for place in range(int(memory["count"])):
        found.append({name: history[place] for name, history in memory["alphas"].items()})
    return found


def _in_place(state: TrainState, **given: Params) -> Params:
    """Gradients for all parameters: zeros for those that are not given."""
    grads = dict(state.params)
    for name, part in state.params.items():
        grads[name] = given.get(name, jax.tree.map(jnp.zeros_like, part))
    return grads
