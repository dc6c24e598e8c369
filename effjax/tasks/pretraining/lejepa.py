"""The task `lejepa`: crops agree with the mean of the large ones, and features stay Gaussian.

LeJEPA, Balestriero and LeCun 2025, https://arxiv.org/abs/2511.08544: no teacher, no queue, no
stopped gradient, one number to choose.

Shapes: B batch, V crops, G large ones, D features of the head.
"""

import dataclasses
import functools
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.contract import Batch, Metrics, Params
from effjax.data.several import PREFIX
from effjax.models import ImageModel
from effjax.models.blocks.layers import Linear, at_least_float32
from effjax.models.blocks.norms import BatchNorm
from effjax.ranges import Count, Range
from effjax.tasks.pretraining.isotropy import directions, distance_to_gaussian
from effjax.tasks.pretraining.self_distillation.crops import (
    Encoder,
    by_crop,
    concatenated,
    for_any_square,
    gather_crops,
)
from effjax.tasks.pretraining.task import STUDENT, Pretraining
from effjax.tasks.registry import register_task

LARGE = ("global1", "global2")
SMALL = "local"


class Head(nn.Module):
    """Three linear layers with batch norm and ReLU between."""

    hidden: int
    outputs: int
    batch_axis: str | None = None

    @nn.compact
    def __call__(self, x: Array, examples: Array) -> Array:
        for number in range(2):
            x = Linear(self.hidden, name=f"layers_{number}")(x)
            x = nn.relu(BatchNorm(self.batch_axis, name=f"norms_{number}")(x, examples))
        return Linear(self.outputs, name="layers_2")(at_least_float32(x))


@register_task("lejepa", "crops agree with the mean of the large ones; features stay Gaussian")
class LeJepa(Pretraining):
    """Learns `config.model` from the views `global1`, `global2` and, if it is given, `local`."""

    @dataclasses.dataclass(frozen=True)
    class Config(Pretraining.Config):
        """Keys of `config.task`."""

        # share of the Gaussian term in the loss, the one number to choose
        isotropy: Annotated[float, Range(0, 1, "()")] = 0.05
        directions: Count = 256  # along which features are looked at, new ones in each update
        hidden: Count = 2048
        outputs: Count = 128

    networks: ClassVar[tuple[str, ...]] = (STUDENT,)
    needs_views: ClassVar[tuple[str, ...]] = LARGE
    may_have_views: ClassVar[tuple[str, ...]] = (SMALL,)

    @functools.cached_property
    def model(self) -> ImageModel:
        return for_any_square(Pretraining.model.func(self))

    @functools.cached_property
    def head(self) -> Head:
        """What is left out afterwards."""
        return Head(self.options.hidden, self.options.outputs, self.batch_axis)

    @property
    def views(self) -> tuple[str, ...]:
        """What is seen, the large crops first."""
        return (*LARGE, SMALL) if SMALL in self.config.data.views else LARGE

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        encoder_key, head_key = jax.random.split(rng)
        images = self.pixels(batch[PREFIX + LARGE[0]][:1, 0])
        encoder = dict(self.model.init(encoder_key, images))
        shapes = jax.eval_shape(self.model.apply, encoder, images)
        head = dict(self.head.init(head_key, jnp.zeros(shapes.shape), jnp.zeros(1, int)))
        params = {"encoder": encoder.pop("params"), "head": head.pop("params")}
        return params, {"encoder": encoder, "head": head}

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        drop_key, direction_key = jax.random.split(rng)
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        encoder = Encoder(self.model, params["encoder"], model_state["encoder"], examples, drop_key)
        found = []
        number = 0
        for crops in gather_crops(batch, self.views):
            found.append(encoder(self.pixels(crops), number))
            number += crops.shape[1]
        features = concatenated(found, "prelogits", len(mask))  # [V, B, C]
        rows = features.swapaxes(0, 1).reshape(-1, features.shape[-1])
        projected, changed = self.head.apply(
            {"params": params["head"], **model_state["head"]},
            rows,
            jnp.repeat(examples, number),
            mutable=list(model_state["head"]),
        )
        projected = by_crop(projected, len(mask))  # [V, B, D]
        large = sum(self.config.data.views[name].count for name in LARGE)
        centre = projected[:large].mean(0, keepdims=True)
        apart = jnp.square(projected - centre).mean((0, 2))  # [B]
        along = directions(direction_key, projected.shape[-1], self.options.directions)
        gaussian = distance_to_gaussian(projected, mask, along, self.batch_axis).mean()
        share = self.options.isotropy
        count = mask.sum()
        prediction = jnp.where(mask > 0, apart, 0.0).sum()
        mean = prediction / jnp.maximum(count, 1.0)
        total = (1 - share) * mean + share * gaussian
        metrics = {
            "loss": (total * count, count),
            "prediction": (prediction, count),
            "isotropy": (gaussian * count, count),
        }
        new_state = {"encoder": encoder.collections, "head": dict(changed)}
        return total, ({**model_state, **new_state}, metrics)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Array:
        """Features [B, C]."""
        variables = self.hand_over(params, model_state, None)
        return self.model.apply(variables, self.pixels(batch["image"]), train=False)
