"""The task `adversarial`: a generator makes images, a critic tells them from real ones.

Shapes: B batch, H W space, C channels, Z numbers of noise, K classes.
"""

import functools
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
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
)
from effjax.data import Split, open_training
from effjax.errors import UserError
from effjax.runs.best import split_step
from effjax.tasks.accuracy import is_class
from effjax.tasks.adversarial.draws import draw_batch
from effjax.tasks.adversarial.evaluator import NAME, Scores
from effjax.tasks.adversarial.options import AdversarialConfig, check_options
from effjax.tasks.adversarial.players import CRITIC, GENERATOR, Players, Seen
from effjax.tasks.adversarial.step import Part, Step
from effjax.tasks.evaluators import find_sample_evaluator
from effjax.tasks.model_kind import check_kind
from effjax.tasks.registry import register_task
from effjax.tasks.trained_generator import trained_generator


@register_task("adversarial", "a generator and its critic: GANs, WGAN-GP, PPOGAN")
class Adversarial(Task):
    """Learns `config.model`, a generator, against `config.task.critic`.

    A step has `critic_steps` updates of the critic, each on its part of the batch with a noise of
    its own, then `generator_steps` of the generator, all on the noise of the critic's last one.
    """

    Config = AdversarialConfig
    draws_images = True  # what `effjax sample` asks

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        check_options(self.options)
        for group in self.options.groups:
            if group not in config.optim:
                raise UserError(
                    f"task {self.name!r} has an optimizer for each of "
                    f"{', '.join(self.options.groups)}; config.optim.{group} is missing\n"
                    f"in the config file: effjax.add_optimizer(config, {group!r}, name='adam')"
                )
        if config.accumulate != 1 or config.sam.rho is not None:
            raise UserError(
                f"task {self.name!r} makes several updates in a step: it takes neither accumulate "
                "nor sam\nleave them out"
            )

    @functools.cached_property
    def split(self) -> Split:
        """The training images."""
        return open_training(self.config)

    def source(self) -> Source:
        return self.split

    # ------------------------------------------------------------------------------ networks

    @functools.cached_property
    def model(self) -> models.Network:
        """The generator.

        Raises:
          UserError: another kind of network, or a size that it cannot draw.
        """
        section = self.config.model
        check_kind(section.name, GENERATOR, self.name)
        fields = section.extras("name", "num_classes", "dtype", "param_dtype", "arch")
        return self._network(section.name, fields)

    @functools.cached_property
    def players(self) -> Players:
        """All networks; PPOGAN's classifier is like the critic, without dropout.

        Raises:
          UserError: a critic that is none, or a size that it cannot halve.
        """
        options = self.options
        found = getattr(models.entry(options.critic).model, "kind", "classifier")
        if found != CRITIC:
            known = ", ".join(models.list_models(kind=CRITIC))
            raise UserError(
                f"config.task.critic = {options.critic!r} is a {found}; give one of {known}"
            )
        fields = {}
        if options.critic_widths is not None:
            fields["widths"] = options.critic_widths
        critic = self._network(options.critic, {**fields, "dropout": options.critic_dropout})
        classifier = None
        if options.ratio_clip is not None:
            classifier = self._network(options.critic, fields)
        return Players(self.model, critic, classifier)

    def _network(self, name: str, fields: dict[str, Any]) -> models.Network:
        """A network for the images and classes of the data."""
        section = self.config.model
        known = self.split.num_classes
        classes = known if section.num_classes is None else section.num_classes
        if 0 < classes < known:
            raise UserError(
                f"config.model.num_classes = {classes}, but the labels have {known} classes; "
                "leave it out, or give 0 to learn without labels"
            )
        height, width, channels = self.split.image_shape
        if height != width:
            raise UserError(
                f"images are {height}x{width}; generators draw squares: set config.data.image_size"
            )
        return models.create_model(
            name,
            num_classes=classes,
            dtype=section.dtype,
            param_dtype=section.param_dtype,
            **{"image_size": height, "in_chans": channels, **fields},
        )

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        return self.players.init(rng, self.split.image_shape), {}

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """From another adversarial run's folder ("runs/x:12" names a checkpoint).

        Raises:
          UserError: another kind of run, or networks of other sizes.
        """
        place, step = split_step(source)
        task, variables = trained_generator(as_path(place), step, whole=True)
        found = variables["params"]
        shapes = [jax.tree.map(jnp.shape, tree) for tree in (params, found)]
        if getattr(task, "players", None) is None or shapes[0] != shapes[1]:
            raise UserError(
                f"config.init_from = {source!r} has other networks than this run\n"
                "give an adversarial run with the same config.model and config.task.critic"
            )
        return found, model_state, {"loaded": sorted(found)}

    def groups(self, params: Params) -> Any:
        """Each network has its own optimizer."""
        return jax.tree.map_with_path(lambda path, _: path[0].key, params)

    # ---------------------------------------------------------------------------------- step

    def weight(self, batch: Batch) -> float:
        """Devices count alike: `Step.mean` divides by the valid examples of all."""
        return 1.0

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        parts = self.options.critic_steps
        size = len(batch["index"])
        if size % parts:
            raise UserError(
                f"config.data.batch_size gives each device {size} images, which are not divided "
                f"into critic_steps = {parts} parts: give a multiple of {parts} for each device"
            )
        return self.step(apply).run(state, self.part(batch), rng)

    def step(self, apply: Apply) -> Step:
        """The updates of a step."""
        return Step(self.players, self.options, apply, self.batch_axis)

    def part(self, batch: Batch) -> Part:
        """A batch as the networks take it."""
        images = batch["image"].astype(jnp.float32) / 127.5 - 1
        known = is_class(batch["label"], max(self.model.num_classes, 1))
        if self.model.num_classes:
            # a label that is no class would be taken for the nearest one
            images = jnp.where(known[:, None, None, None], images, jnp.nan)
        labels = jnp.where(known, batch["label"], 0)
        return Part(images, labels, batch["index"], batch["mask"])

    # ---------------------------------------------------------------------------- evaluation

    def network_alone(self, params: Params, model_state: Any) -> tuple[Params, Any]:
        """The generator."""
        return params[GENERATOR], model_state

    def judge(self, variables: Variables, batch: Batch, key: Array) -> tuple[Array, Array]:
        """Scores [B] of images, and of fakes with their labels."""
        params = variables["params"]
        part = self.part(batch)
        noise = draw_batch(key, part.index, self.model.architecture.latent).noise
        fakes = self.players.draw(params, noise, part.labels)
        scores = []
        for images in (part.images, fakes):
            seen = Seen(images, part.labels, part.index)
            scores.append(self.players.judge(params, seen).scores)
        return scores[0], scores[1]

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        found = {}
        for name in config.evals:
            section = config.evals[name]
            if section.evaluator == NAME:
                found[name] = Scores(self.judge, config, section)
            else:
                make = find_sample_evaluator(section.evaluator, self.name, NAME)
                found[name] = make(self, config, section)
        return found

    def record(self) -> dict[str, Any]:
        return {"labels": list(self.split.class_names), "examples": self.split.num_examples}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        shape = self.split.image_shape
        return {
            "macs": models.cost(self.model, shape).macs,
            "critic_macs": models.cost(self.players.critic, shape).macs,
        }
