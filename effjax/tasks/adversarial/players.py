"""The networks of an adversarial task, as functions of its parameters.

Shapes: B batch, H W space, C channels, Z numbers of noise, K classes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from effjax import models
from effjax.contract import Params
from effjax.errors import UserError
from effjax.models.families.conv_gan import Judged

GENERATOR, CRITIC, CLASSIFIER = "generator", "critic", "classifier"


class Seen(NamedTuple):
    """Images as a critic sees them in training.

    Attributes:
      images: [B, H, W, C].
      labels: [B].
      examples: [B] int, whose dropout they get.
    """

    images: Array
    labels: Array
    examples: Array


class Players(NamedTuple):
    """Who plays; parameters are {"generator": ..., "critic": ..., "classifier": ...}.

    Attributes:
      classifier: PPOGAN's, or None.
    """

    generator: models.Network
    critic: models.Network
    classifier: models.Network | None

    def init(self, rng: Array, shape: tuple[int, ...]) -> Params:
        """Fresh parameters of all, for images of `shape`.

        Raises:
          UserError: a network that keeps running averages.
        """
        params = {}
        for number, (name, network) in enumerate(self._asdict().items()):
            if network is None:
                continue
            inputs = network.example_inputs((1, *shape))
            blank = [jnp.zeros(x.shape, x.dtype) for x in inputs]
            variables = network.init(jax.random.fold_in(rng, number), *blank)
            if set(variables) != {"params"}:
                raise UserError(
                    f"the {name} keeps running averages, which several updates in a step would "
                    "mix up\ngive one without BatchNorm"
                )
            params[name] = variables["params"]
        return params

    def draw(self, params: Mapping[str, Any], noise: Array, labels: Array) -> Array:
        """Images [B, H, W, C] in [-1, 1]."""
        return self.generator.apply({"params": params[GENERATOR]}, noise, labels)

    def judge(self, params: Mapping[str, Any], seen: Seen, dropout: Array | None = None) -> Judged:
        """What the critic says; with a key, as in training."""
        if dropout is None:
            return self.critic.apply({"params": params[CRITIC]}, seen.images, seen.labels)
        return self.critic.apply({"params": params[CRITIC]}, *seen, rngs={"dropout": dropout})

    def tell(self, params: Mapping[str, Any], images: Array, labels: Array) -> Array:
        """Logits [B] of the classifier: above 0 for what it takes for real."""
        return self.classifier.apply({"params": params[CLASSIFIER]}, images, labels).scores
