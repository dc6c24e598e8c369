"""A perceptron on vectors: scikit-learn's handwritten digits.

Shapes: B batch, D features, K classes.
"""

import dataclasses
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.bench.problems.base import (
    Arrays,
    LossAndState,
    Metrics,
    Params,
    Problem,
    classification_scores,
    problem,
)
from effjax.config import View
from effjax.errors import UserError

HELD_OUT = 360  # of 1,797 digits, unless the workload says otherwise


@problem("mlp")
def mlp(workload: View, data_dir: str | None) -> Problem:
    """A perceptron with ReLU; without hidden layers it is logistic regression.

    Keys of `model`: widths of the hidden layers, l2 (times half the squared norm of all weights).

    Raises:
      UserError: other data than the digits.
    """
    if workload.data.name != "digits":
        raise UserError(f"problem 'mlp' knows data 'digits' only, got {workload.data.name!r}")
    train, held_out = read_digits(workload.data.eval_examples or HELD_OUT)
    features = train["x"].shape[1]
    classes = int(train["y"].max()) + 1
    network = Perceptron(
        sizes=(features, *workload.model["widths"], classes),
        l2=workload.model["l2"],
        label_smoothing=workload.label_smoothing,
    )
    return Problem(
        init=network.init,
        loss=network.loss,
        evaluate=network.evaluate,
        train=train,
        held_out=held_out,
    )


def read_digits(held: int) -> tuple[Arrays, Arrays]:
    """(training, held-out) digits as vectors of 64 features in [0, 1].

    Raises:
      UserError: nothing would be left to train on.
    """
    # imported here: most workloads do without it
    from sklearn.datasets import load_digits

    vectors, labels = load_digits(return_X_y=True)
    if held >= len(labels):
        raise UserError(f"data.eval_examples = {held}, and there are {len(labels)} digits in all")
    x = (vectors / 16.0).astype(np.float32)  # counts from 0 to 16
    y = labels.astype(np.int32)
    # always the same parts: the seed of a trial must not choose what is held out
    order = np.random.default_rng(0).permutation(len(y))
    train, held_out = order[held:], order[:held]
    return {"x": x[train], "y": y[train]}, {"x": x[held_out], "y": y[held_out]}


@dataclasses.dataclass(frozen=True)
class Perceptron:
    """Linear layers with ReLU between them.

    Attributes:
      sizes: features, widths of the hidden layers, classes.
      l2: factor of half the squared norm of all parameters in the loss.
    """

    sizes: tuple[int, ...]
    l2: float
    label_smoothing: float

    def init(self, key: jax.Array) -> tuple[Params, Any]:
        """He's initialisation."""
        keys = jax.random.split(key, len(self.sizes))
        layers = {}
        for i, (inputs, outputs) in enumerate(itertools.pairwise(self.sizes)):
            draws = jax.random.normal(keys[i], (inputs, outputs))
            layers[f"layer{i}"] = {
                "kernel": draws * math.sqrt(2.0 / inputs),
                "bias": jnp.zeros(outputs),
            }
        return layers, {}

    def logits(self, params: Params, x: jax.Array) -> jax.Array:
        """[B, D] -> [B, K]."""
        for i in range(len(self.sizes) - 1):
            layer = params[f"layer{i}"]
            if i > 0:
                x = jax.nn.relu(x)
            x = x @ layer["kernel"] + layer["bias"][None]
        return x

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        """Mean cross-entropy of the batch, and the penalty."""
        labels = jax.nn.one_hot(batch["y"], self.sizes[-1])
        targets = optax.smooth_labels(labels, self.label_smoothing)
        losses = optax.softmax_cross_entropy(self.logits(params, batch["x"]), targets)
        penalty = 0.0
        if self.l2:
            penalty = 0.5 * self.l2 * optax.tree.norm(params, squared=True)
        return losses.mean() + penalty, model_state

    def evaluate(self, params: Params, model_state: Any, held_out: Any) -> Metrics:
        """Loss and error of all held-out digits."""
        logits = self.logits(params, held_out["x"])
        return classification_scores(logits, held_out["y"], None)
