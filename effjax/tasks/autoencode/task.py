"""The task `autoencode`: images become small maps, from which they are made again.

Shapes: B batch, H W image space, C its channels, h w latent space, c latent channels.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax import models
from effjax.config import View, as_path
from effjax.contract import (
    Batch,
    Metrics,
    Params,
    Source,
    Task,
    Variables,
    join_variables,
    split_variables,
)
from effjax.data import Split, open_training
from effjax.errors import UserError
from effjax.models.families.autoencoder import Coded, Latent
from effjax.ranges import NotNegative
from effjax.runs.best import split_step
from effjax.tasks.autoencode.trained import trained_autoencoder
from effjax.tasks.model_kind import check_kind
from effjax.tasks.network import create_model
from effjax.tasks.pretraining.masked_images.evaluator import NAME, Reconstruction
from effjax.tasks.registry import register_task


def divergence(latent: Latent) -> Array:
    """[B]: the mean over latent numbers of KL(latent || standard normal), in nats."""
    square = jnp.square(latent.mean)
    log_variance = latent.log_variance
    each = 0.5 * (square + jnp.exp(log_variance) - 1 - log_variance)
    return each.reshape(len(each), -1).mean(-1)


def squared_error(made: Array, images: Array) -> Array:
    """[B]: the mean over pixels and channels."""
    return jnp.square(made - images).reshape(len(made), -1).mean(-1)


@register_task("autoencode", "images to small maps and back, for diffusion in latents")
class Autoencode(Task):
    """Learns `config.model`, an autoencoder, by squared errors and a little KL divergence."""

    @dataclasses.dataclass(frozen=True)
    class Config(Task.Config):
        """Keys of `config.task`."""

        kl: NotNegative = 1e-4  # weight of the divergence of latents from a standard normal

    @functools.cached_property
    def split(self) -> Split:
        """The training images."""
        return open_training(self.config)

    def source(self) -> Source:
        return self.split

    @functools.cached_property
    def model(self) -> models.Network:
        """The autoencoder.

        Raises:
          UserError: another kind of network, or fields that it refuses.
        """
        section = self.config.model
        check_kind(section.name, "autoencoder", self.name)
        fields = section.extras("name", "num_classes", "dtype", "param_dtype", "arch")
        if section.num_classes:
            raise UserError(
                f"config.model.num_classes = {section.num_classes}: an autoencoder knows no "
                "classes; leave it out"
            )
        channels = self.split.image_shape[-1]
        return create_model(section, 0, **{"in_chans": channels, **fields})

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        blank = jnp.zeros((1, *self.split.image_shape))
        return split_variables(self.model.init(rng, blank))

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """From another autoencoder's folder ("runs/x:12" names a checkpoint).

        Raises:
          UserError: another kind of run, or a network of another size.
        """
        place, step = split_step(source)
        _, variables = trained_autoencoder(as_path(place), step)
        found, _ = split_variables(variables)
        if jax.tree.map(jnp.shape, found) != jax.tree.map(jnp.shape, params):
            raise UserError(
                f"config.init_from = {source!r} has another network than this run\n"
                "give an autoencoder with the same config.model"
            )
        return found, model_state, {"loaded": [source]}

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        """The mean squared error of images made of drawn latents, with the divergence."""
        mask = batch["mask"]
        shape = self.model.latent_shape(self.split.image_shape)

        def of_example(place: Array) -> Array:
            return jax.random.normal(jax.random.fold_in(rng, place), shape)

        # draws belong to examples
        noise = jax.vmap(of_example)(batch["index"])
        variables = join_variables(params, model_state)
        coded: Coded = self.model.apply(variables, self.pixels(batch), noise)
        errors = squared_error(coded.image, self.pixels(batch))
        divergences = divergence(coded.latent)
        losses = errors + self.options.kl * divergences
        metrics = {}
        found = {"loss": losses, "error": errors, "divergence": divergences}
        for name, values in found.items():
            # a padded image says nothing
            values = jnp.where(mask > 0, values, 0.0)
            metrics[name] = (values.sum(), mask.sum())
        total, count = metrics["loss"]
        return total / jnp.maximum(count, 1.0), (model_state, metrics)

    def pixels(self, batch: Batch) -> Array:
        """[B, H, W, C] in [-1, 1], float32."""
        return batch["image"].astype(jnp.float32) / 127.5 - 1

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Array:
        """The images [B, H, W, C] that the means of latents stand for."""
        variables = join_variables(params, model_state)
        return self.model.apply(variables, self.pixels(batch)).image

    def evaluators(self, config: View) -> dict[str, Reconstruction]:
        def errors(variables: Variables, batch: Batch, key: Array) -> Array:
            made = self.predict(*split_variables(variables), batch)
            return squared_error(made, self.pixels(batch))

        found = {}
        for name in config.evals:
            if config.evals[name].evaluator != NAME:
                raise UserError(
                    f"task {self.name!r} has no evaluator {config.evals[name].evaluator!r}; known: "
                    f"{NAME!r}"
                )
            found[name] = Reconstruction(errors, config, config.evals[name])
        return found

    def record(self) -> dict[str, Any]:
        return {"labels": list(self.split.class_names), "examples": self.split.num_examples}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        return {"macs": models.cost(self.model, self.split.image_shape).macs}
