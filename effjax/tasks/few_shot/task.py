"""The task `few_shot`: an encoder learns so that a few examples tell a class.

Meta-Baseline: Exploring Simple Meta-Learning for Few-Shot Learning, Chen et al. 2021,
https://arxiv.org/abs/2003.04390; the last phase of SUN, https://arxiv.org/abs/2203.07057.

Shapes: B images of a batch, E episodes, W classes of each, K shots, Q queries, D features.
"""

import dataclasses
import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from effjax.contract import Batch, Metrics, Params, split_variables
from effjax.data import Split
from effjax.data.episodes import open_episodes
from effjax.errors import UserError
from effjax.ranges import Count, Positive
from effjax.tasks.few_shot.prototypes import episode_logits
from effjax.tasks.pretraining.task import STUDENT, Pretraining
from effjax.tasks.registry import register_task


@register_task("few_shot", "episodes: classes known by the mean of a few examples, Meta-Baseline")
class FewShot(Pretraining):
    """Learns `config.model` on episodes: a query is of the class whose prototype is nearest.

    `data.batch_size` counts images: it is a whole number of episodes. Usually it starts from a
    classifier of the same classes, `config.init_from`, whose last layer is left out.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(Pretraining.Config):
        """Keys of `config.task`."""

        ways: Count = 5  # classes of an episode
        shots: Count = 1  # images of a class that are shown
        queries: Count = 15  # images of a class that are asked for
        temperature: Positive = 10.0  # factor of the cosines at the start; it is learned

        def __post_init__(self) -> None:
            if self.ways < 2:
                raise UserError(f"config.task.ways = {self.ways}: give 2 or more")

    networks: ClassVar[tuple[str, ...]] = (STUDENT,)
    parts_allowed: ClassVar[bool] = True

    @functools.cached_property
    def split(self) -> Split:
        """The training images, as episodes."""
        return open_episodes(self.config, self.options.ways, self._images_of_class)

    @property
    def _images_of_class(self) -> int:
        return self.options.shots + self.options.queries

    @property
    def _episode(self) -> tuple[int, int]:
        return self.options.ways, self._images_of_class

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        variables = self.model.init(rng, self.pixels(batch["image"][:1]))
        encoder, state = split_variables(variables)
        temperature = jnp.asarray(self.options.temperature, jnp.float32)
        return {"encoder": encoder, "temperature": temperature}, {"encoder": state}

    def weight(self, batch: Batch) -> Array:
        """What a part weighs: its whole episodes."""
        return self._valid(batch).sum()

    def _valid(self, batch: Batch) -> Array:
        """[E]: 0 for an episode with an image that cannot be read."""
        count = len(batch["mask"])
        size = self.options.ways * self._images_of_class
        if count % size:
            raise UserError(
                f"a device gets {count} images, no whole number of episodes of {size}: give a "
                "larger data.batch_size, or fewer devices (parallel.devices)"
            )
        return batch["mask"].reshape(-1, size).min(1)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        valid = self._valid(batch)
        collections = model_state["encoder"]
        examples = jnp.where(batch["mask"] > 0, batch["index"], -1 - batch["index"])
        features, changed = self.model.apply(
            {"params": params["encoder"], **collections},
            self.pixels(batch["image"]),
            train=True,
            examples=examples,
            rngs={"dropout": rng},
            mutable=[name for name in collections if name != "constants"],
        )
        by_class = features.astype(jnp.float32).reshape(-1, *self._episode, features.shape[-1])
        cosines, labels = episode_logits(by_class, self.options.shots)
        logits = params["temperature"] * cosines  # [E, W * Q, W]
        own = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[None, :, None], axis=-1)
        losses = -own[..., 0].mean(-1)  # [E]
        hits = (logits.argmax(-1) == labels[None]).mean(-1)
        total = jnp.where(valid > 0, losses, 0.0).sum()
        count = valid.sum()
        metrics = {"loss": (total, count), "top1": ((hits * valid).sum(), count)}
        new_state = {**model_state, "encoder": {**collections, **changed}}
        return total / jnp.maximum(count, 1.0), (new_state, metrics)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Array:
        """Features [B, D]."""
        variables = self.hand_over(params, model_state, None)
        return self.model.apply(variables, self.pixels(batch["image"]), train=False)
