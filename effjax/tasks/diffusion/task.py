"""The task `diffusion`: images become noise, a network learns the way back.

Shapes: B batch, H W space, C channels, K classes, N tokens.
"""

import copy
import functools
from collections.abc import Hashable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax import models
from effjax.config import View, as_path
from effjax.contract import (
    Apply,
    Batch,
    Evaluator,
    Metrics,
    Params,
    Source,
    Task,
    TrainState,
    Variables,
    join_variables,
    split_variables,
)
from effjax.data import Split, open_training
from effjax.diffusion.process import Network
from effjax.errors import UserError
from effjax.runs.best import split_step
from effjax.runs.folder import CONFIG
from effjax.tasks.accuracy import is_class
from effjax.tasks.diffusion.denoiser import make_denoiser
from effjax.tasks.diffusion.draws import draw_batch
from effjax.tasks.diffusion.evaluators import NAME, Denoising
from effjax.tasks.diffusion.latents import LOG_VARIANCE, MEAN, Latents
from effjax.tasks.diffusion.options import DiffusionConfig, kept_counts, make_process
from effjax.tasks.evaluators import find_sample_evaluator
from effjax.tasks.registry import register_task
from effjax.tasks.trained_generator import trained_generator

OF_STABLE_DIFFUSION = 0.18215  # the scale of its latents


@register_task("diffusion", "images out of noise: DDPM, EDM, FDM, flow matching, masks (MDT)")
class Diffusion(Task):
    """Learns `config.model`, a denoiser, on the images of `config.data`.

    Attributes:
      kept: how many tokens the masked pass of this step sees; None: there is no such pass.
    """

    Config = DiffusionConfig
    draws_images = True  # what `effjax sample` asks
    kept: int | None = None

    @property
    def takes_forward_derivatives(self) -> bool:
        """MeanFlow's target is a derivative along the path."""
        return self.options.process == "meanflow"

    @functools.cached_property
    def split(self) -> Split | Latents:
        """The training examples."""
        if self.options.latents is None:
            return open_training(self.config)
        return Latents(
            self.options.latents,
            self.config.data.batch_size,
            self.config.seed,
            parts=self.config.accumulate,
        )

    @functools.cached_property
    def latent_scale(self) -> float:
        """Latents times this have unit scale."""
        if self.options.latent_scale is not None:
            return self.options.latent_scale
        facts = self.split.facts
        return OF_STABLE_DIFFUSION if facts is None else facts.scale

    @functools.cached_property
    def process(self) -> Any:
        """How images become noise."""
        return make_process(self.options)

    @functools.cached_property
    def model(self) -> models.Denoiser:
        """The network that is learned.

        Raises:
          UserError: see `make_denoiser`.
        """
        return make_denoiser(self.config, self.options, self.process, self.split, self.batch_axis)

    def source(self) -> Source:
        return self.split

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        shape = (1, *self.split.image_shape)
        inputs = [jnp.zeros(x.shape, x.dtype) for x in self.model.example_inputs(shape)]
        return split_variables(self.model.init(rng, *inputs))

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """From a diffusion run's folder ("runs/x:12" names a checkpoint) or a weights file."""
        place, step = split_step(source)
        weights = source
        if (as_path(place) / CONFIG).exists():
            task, variables = trained_generator(as_path(place), step)
            if not isinstance(task, Diffusion):
                raise UserError(
                    f"config.init_from = {source!r} is a run of task {task.name!r}, not of a "
                    "diffusion\ngive a diffusion run, or a weights file"
                )
            weights = models.weights.to_torch(task.model, variables)
        variables, report = models.load_weights(
            self.model,
            join_variables(params, model_state),
            weights,
            ignore=self.config.init_ignore,
            rename=dict(self.config.init_rename),
        )
        return *split_variables(variables), vars(report)

    # ------------------------------------------------------------------------------- a step

    def clean(self, batch: Batch, normal: Array) -> Array:
        """The examples [B, H, W, C], float32: pixels in [-1, 1], or drawn latents of unit scale.

        Args:
          normal: [B, H, W, C], which of its latents an example has.
        """
        if self.options.latents is None:
            return batch["image"].astype(jnp.float32) / 127.5 - 1
        latent = batch[MEAN]
        if LOG_VARIANCE in batch:
            latent = latent + jnp.exp(0.5 * batch[LOG_VARIANCE]) * normal
        return self.latent_scale * latent

    def labels(self, batch: Batch) -> Array:
        """[B]; "no label" for all where the network knows no classes."""
        if self.model.num_classes == 0:
            return jnp.zeros_like(batch["label"])
        return batch["label"]

    def network(self, variables: Variables, labels: Array, hidden: Any = None) -> Network:
        """(x, told) -> output, for these labels."""

        def network(x: Array, told: Array) -> Array:
            return self.model.apply(variables, x, told, labels, hidden)

        return network

    def denoise(
        self,
        variables: Variables,
        x: Array,
        told: Array,
        labels: Array,
        classes: Array | None = None,
    ) -> Array:
        """The network's output where all examples stand at one time, as in a sampler.

        Args:
          classes: [B], of the samples, where `labels` may say "no label" for guidance; None: the
            labels.
        """
        return self.model.apply(variables, x, told, labels)

    def drawn_apart(self, labels: np.ndarray) -> np.ndarray:
        """[n]: samples [n] with different numbers are not drawn in one batch."""
        return np.zeros(len(labels), np.int32)

    def variant(self, step: int) -> Hashable:
        """How many tokens the masked pass of a step sees; () without one."""
        if self.options.mask_ratio is None:
            return ()
        draws = np.random.default_rng((self.config.seed, step))
        return self.kept_counts[draws.integers(len(self.kept_counts))]

    @functools.cached_property
    def kept_counts(self) -> tuple[int, ...]:
        """What `variant` chooses from."""
        height, width, _ = self.split.image_shape
        return kept_counts(self.options, self.model.token_count((height, width)))

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        if variant == ():
            return super().update(state, batch, rng, apply)
        # a copy: what is traced for one variant must not be seen by the next
        chosen = copy.copy(self)
        chosen.kept = variant
        return Task.update(chosen, state, batch, rng, apply)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        """The mean loss; with masks the sum of two passes, each with its own noise and dropout."""
        variables = join_variables(params, model_state)
        labels = self.labels(batch)
        mask = batch["mask"]
        shape = self.split.image_shape
        passes = 1 if self.kept is None else 2
        tokens = 0 if self.kept is None else self.model.token_count(shape[:2])
        draws = draw_batch(rng, batch["index"], shape, passes, tokens)
        clean = self.clean(batch, draws.latent)
        time = self.process.time(draws.uniform, draws.normal)
        known = is_class(batch["label"], max(self.model.num_classes, 1)) | (mask == 0)
        total = jnp.zeros(())
        metrics = {}
        for number in range(passes):
            hidden = None
            if number == 1:
                hidden = models.Hidden(jnp.argsort(draws.order, 1), self.kept)
            dropped = draws.drop[number] < self.options.label_dropout
            shown = jnp.where(dropped, self.model.num_classes, labels)
            network = self.network(variables, shown, hidden)
            losses = self.process.loss(network, clean, draws.noise[number], time, step)
            if self.model.num_classes:
                # a label that is no class would be taken for the nearest one
                losses = jnp.where(known, losses, jnp.nan)
            losses = jnp.where(mask > 0, losses, 0.0)
            name = "masked_loss" if hidden else "loss"
            metrics[name] = (losses.sum(), mask.sum())
            total += losses.sum() / jnp.maximum(mask.sum(), 1.0)
        return total, (model_state, metrics)

    # --------------------------------------------------------------------------- evaluation

    def errors(
        self, variables: Variables, batch: Batch, uniform: Array, normal: Array, noise: Array
    ) -> Array:
        """[B]: squared errors of what the network predicts, at given draws, with all labels."""
        time = self.process.time(uniform, normal)
        network = self.network(variables, self.labels(batch))
        # an example's latent is its mean here: one draw less
        clean = self.clean(batch, jnp.zeros_like(noise))
        return self.process.error(network, clean, noise, time)

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        found = {}
        for name in config.evals:
            section = config.evals[name]
            if section.evaluator == NAME:
                found[name] = Denoising(self.errors, config, section, self.options.latents)
            else:
                make = find_sample_evaluator(section.evaluator, self.name, NAME)
                found[name] = make(self, config, section)
        return found

    def record(self) -> dict[str, Any]:
        facts = {"labels": list(self.split.class_names), "examples": self.split.num_examples}
        if self.options.latents is not None:
            facts["latent_shape"] = list(self.split.image_shape)
            if self.split.facts is not None:
                facts["autoencoder"] = self.split.facts.autoencoder
                facts["latent_scale"] = self.latent_scale
        return facts

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        return {"macs": models.cost(self.model, self.split.image_shape).macs}
