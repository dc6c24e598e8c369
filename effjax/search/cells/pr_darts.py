"""PR-DARTS: gates that open on their own, groups that pay, and a reward for a deep chain.

https://arxiv.org/abs/2006.16537. See `gates` for the equations. In a step the same gates serve the
whole network; the alphas' pass and the weights' pass draw their own.
"""

import jax
import jax.numpy as jnp

from effjax.config import Clock, View
from effjax.contract import Apply, Batch, Metrics, Params, TrainState
from effjax.errors import UserError
from effjax.search.cells import gates
from effjax.search.cells.bilevel import BilevelSearch, Weights
from effjax.search.cells.options import GateConfig, PrDartsConfig
from effjax.search.cells.task import CellSearch
from effjax.tasks.registry import register_task


class GateSearch(BilevelSearch):
    """The rule of PR-DARTS, for whatever network is searched."""

    Config = GateConfig

    def price(self, alphas: Params, selected: dict[str, jax.Array], tau: jax.Array) -> jax.Array:
        """What the alphas pay for open gates, less their reward."""
        raise NotImplementedError

    def operation_weights(self, alphas: Params, key: jax.Array | None, step: jax.Array) -> Weights:
        weights, _ = self._gated(alphas, key, step)
        return weights

    def _gated(
        self, alphas: Params, key: jax.Array | None, step: jax.Array
    ) -> tuple[Weights, dict[str, jax.Array]]:
        """(operation weights, what was selected); without a key, of gates at their medians."""
        options = self.options
        tau = self.temperature(step)
        weights = {}
        selected = {}
        # sorted, as they are under `jit`
        for number, name in enumerate(sorted(alphas)):
            alpha = alphas[name]
            if key is None:
                opened = gates.gate(alpha, jnp.full_like(alpha, 0.5), options.tau[1])
                chosen = gates.select(alpha, options.selected)
            else:
                own = jax.random.fold_in(key, number)
                uniform_key, drop_key, order_key = jax.random.split(own, 3)
                # not 0: its logarithm is not finite
                least = jnp.finfo(alpha.dtype).tiny
                uniform = jax.random.uniform(uniform_key, alpha.shape, minval=least)
                opened = gates.gate(alpha, uniform, tau)
                dropped = jax.random.bernoulli(drop_key, options.dropped, alpha.shape)
                chosen = gates.select(opened, options.selected, dropped, order_key)
            weights[name] = gates.straight_through(opened, chosen)
            selected[name] = chosen
        return weights, selected

    def temperature(self, step: jax.Array) -> jax.Array:
        """tau at a step."""
        clock = Clock(self.config.data.batch_size, self.parts.num_examples)
        total = clock.steps(self.config, "total")
        first, last = self.options.tau
        return gates.temperature(first, last, step / max(1, total - 1))

    def alpha_gradient(
        self, state: TrainState, batches: tuple[Batch, Batch], key: jax.Array, apply: Apply
    ) -> tuple[Params, Metrics]:
        _, held_out = batches
        draw_key, mix_key = jax.random.split(key)
        tau = self.temperature(state.step)

        def loss(alphas: Params) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            weights, selected = self._gated(alphas, draw_key, state.step)
            network = state.params["network"]
            found = self.seen(network, state.model_state, held_out, weights, mix_key)
            paid = self.price(alphas, selected, tau)
            return found.loss + paid, (found.loss, paid)

        grads, (value, paid) = jax.grad(loss, has_aux=True)(state.params["alphas"])
        count = held_out["mask"].sum()
        metrics = {
            "held_out_loss": (value * count, count),
            "search/regulariser": (paid, jnp.ones(())),
        }
        return grads, metrics


@register_task("pr_darts", "labelled images, and the operations of a cell's edges, by PR-DARTS")
class PrDartsSearch(GateSearch, CellSearch):
    """Keys of `config.task`: `PrDartsConfig`."""

    Config = PrDartsConfig
    rule = "best_pairs"
    norm_pools = False
    last_norm = True

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        operations = len(self.space.operations)
        if self.options.selected > operations:
            raise UserError(
                f"config.task.selected = {self.options.selected}: an edge has {operations} "
                "operations"
            )

    def price(self, alphas: Params, selected: dict[str, jax.Array], tau: jax.Array) -> jax.Array:
        return gates.regulariser(alphas, selected, tau, self.options.penalty(), self.space)
