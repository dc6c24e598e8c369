"""DARTS: softmax mixtures of operations, whose alphas follow the held-out loss.

https://arxiv.org/abs/1806.09055. The alphas of the second order see how the weights would move: by
the derivative through the optimizer's own step, momentum, decay, clipping and rate included.
"""

import functools

import jax

from effjax.config import View
from effjax.contract import Apply, Batch, Metrics, Params, TrainState
from effjax.errors import UserError
from effjax.search.cells import hypergradient
from effjax.search.cells.bilevel import BilevelSearch, Weights
from effjax.search.cells.options import DartsConfig, SoftmaxConfig
from effjax.search.cells.task import CellSearch
from effjax.tasks.registry import register_task

SECOND_ORDER = {
    "exact": hypergradient.exact,
    "finite_difference": hypergradient.finite_difference,
}


class SoftmaxSearch(BilevelSearch):
    """The rule of DARTS, for whatever network is searched."""

    Config = SoftmaxConfig

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        # the exact second order is a forward derivative of a gradient
        is_exact = self.options.derivative == "exact"
        self.takes_forward_derivatives = self.options.order == "second" and is_exact
        if self.options.order == "first" and self.options.derivative != "exact":
            raise UserError(
                "config.task.derivative = 'finite_difference' is a way to the second order\n"
                "give --config.task.order=second, or leave it out"
            )

    def operation_weights(self, alphas: Params, key: jax.Array | None, step: jax.Array) -> Weights:
        return {name: jax.nn.softmax(alpha) for name, alpha in alphas.items()}

    def alpha_gradient(
        self, state: TrainState, batches: tuple[Batch, Batch], key: jax.Array, apply: Apply
    ) -> tuple[Params, Metrics]:
        own, held_out = batches
        key, held_out_key = jax.random.split(key)

        def loss(batch: Batch, key: jax.Array, network: Params, alphas: Params) -> jax.Array:
            weights = self.operation_weights(alphas, None, state.step)
            return self.seen(network, state.model_state, batch, weights, key).loss

        train = functools.partial(loss, own, key)
        valid = functools.partial(loss, held_out, held_out_key)
        network = state.params["network"]
        alphas = state.params["alphas"]
        if self.options.order == "first":
            found = hypergradient.first_order(valid, network, alphas)
        else:
            step = functools.partial(self.stepped, state, apply=apply)
            rule = SECOND_ORDER[self.options.derivative]
            found = rule(train, valid, step, network, alphas)
        count = held_out["mask"].sum()
        return found.grads, {"held_out_loss": (found.value * count, count)}


@register_task("darts", "labelled images, and the operations of a cell's edges, by DARTS")
class DartsSearch(SoftmaxSearch, CellSearch):
    """Keys of `config.task`: `DartsConfig`."""

    Config = DartsConfig
