"""Image classification: mix, normalise, model, cross-entropy.

Shapes: B batch, H W space, K classes.
"""

import copy
import functools
from collections.abc import Hashable, Mapping, Set
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.config import Clock, View
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
from effjax.data import Split, mix_batch, normalise, open_training
from effjax.errors import UserError
from effjax.optim import parameter_paths
from effjax.tasks import whole_set as _evaluators  # noqa: F401  they register themselves
from effjax.tasks.class_weights import BALANCED, class_weights
from effjax.tasks.evaluators import find_evaluator
from effjax.tasks.freezing import as_in_evaluation
from effjax.tasks.losses import Loss, find_loss
from effjax.tasks.network import build_classifier
from effjax.tasks.options import ClassificationConfig
from effjax.tasks.registry import register_task
from effjax.tasks.scales import USUAL, Scale, Scales, at_scale, check_scales, read_scales, resized
from effjax.tasks.starting import load_start
from effjax.tasks.targets import OneClass, Targets, make_targets
from effjax.tasks.unfreezing import BACKBONE, Unfreezing, parameter_labels, read_unfreezing
from effjax.training.frozen import frozen_layers


class Variant(NamedTuple):
    """What an update's program is compiled for: the parts that have begun to learn, the scale."""

    phase: int = 0
    scale: Scale = USUAL


@register_task("classification", "labelled images: mix, normalise, network, cross-entropy")
class Classification(Task):
    """Learns `config.model` on the labelled images of `config.data`.

    Attributes:
      trains_model: whether the parameters are those of `model`, ready for use.
      loss_function: what `task.loss` names.
    """

    Config = ClassificationConfig
    trains_model = True
    scale = USUAL  # of the update that is traced; a copy of the task has another one

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        self.loss_function = self._find_loss()  # refused before anything is built
        if self.options.class_weights == BALANCED and config.data.balance:
            raise UserError(
                "config.task.class_weights and config.data.balance correct for the same thing\n"
                "give one of them"
            )

    def _find_loss(self) -> Loss:
        options = self.options
        loss = find_loss(options.loss)
        if options.focal_gamma is None:
            return loss
        if options.loss != "focal":
            raise UserError("config.task.focal_gamma is for --config.task.loss=focal; leave it out")
        return functools.partial(loss, gamma=options.focal_gamma)

    @functools.cached_property
    def class_weights(self) -> np.ndarray | None:
        """Factors of the loss, float32 [K]; None: all are 1."""
        wanted = self.options.class_weights
        if wanted is None:
            return None
        names = self.split.class_names
        weights = class_weights(wanted, names, np.asarray(self.split.examples.labels()))
        # classes of the network that the data do not have
        further = self.model.num_classes - len(names)
        return np.pad(weights, (0, further), constant_values=1.0)

    @functools.cached_property
    def split(self) -> Split:
        """The training images."""
        return open_training(self.config)

    @functools.cached_property
    def targets(self) -> Targets:
        """What is learned of an image.

        Raises:
          UserError: a loss, weights or balance that do not fit it.
        """
        smoothing = self.config.mix.label_smoothing
        targets = make_targets(self.split.examples, self.options.loss, smoothing)
        if targets.kind == OneClass.kind:
            return targets
        needs_class = {
            "config.task.class_weights": self.options.class_weights is not None,
            "config.data.balance": self.config.data.balance > 0,
        }
        for what, is_used in needs_class.items():
            if is_used:
                raise UserError(f"{what} is for images of one class; these have several targets")
        return targets

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The network that is learned."""
        return self.build_model()

    def build_model(self) -> models.ImageModel:
        """The network that `config.model` describes, see `build_classifier`."""
        _ = self.targets  # what does not fit is refused before anything is built
        return build_classifier(self.config, self.split, self.name, self.batch_axis)

    def source(self) -> Source:
        return self.split

    def depths(self, params: Params) -> tuple[Any, int]:
        return self.model.layer_depths(params), self.model.layer_count

    def groups(self, params: Params) -> Any:
        frozen = self.options.frozen
        return parameter_labels(params, frozen, self.unfreezing, self._backbone_paths)

    @functools.cached_property
    def unfreezing(self) -> Unfreezing:
        """What begins to learn at which step."""
        total = self._clock.steps(self.config, "total")
        return read_unfreezing(self.options, self._clock, total)

    @functools.cached_property
    def scales(self) -> Scales:
        """The sizes at which the network is trained."""
        total = self._clock.steps(self.config, "total")
        return read_scales(self.options, self.split.image_shape, total, self.config.seed)

    @property
    def _clock(self) -> Clock:
        return Clock(self.config.data.batch_size, self.split.num_examples)

    def variant(self, step: int) -> Hashable:
        """How many parts of the network learn, and at which scale; () where nothing changes."""
        if not self.unfreezing.rules and self.scales.is_usual:
            return ()
        return Variant(self.unfreezing.phase(step), self.scales.at(step))

    def waiting(self, variant: Hashable) -> Set[str]:
        return frozenset() if variant == () else self.unfreezing.waiting(variant.phase)

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        if variant == ():
            return super().update(state, batch, rng, apply)
        # a copy: what is traced for one variant must not be seen by the next
        chosen = copy.copy(self)
        chosen.scale = variant.scale
        return Task.update(chosen, state, batch, rng, apply)

    def class_paths(self, params: Params) -> Set[str]:
        return set(parameter_paths(params)) - self._backbone_paths()

    def _backbone_paths(self) -> Set[str]:
        headless = models.abstract_variables(
            self.model.clone(num_classes=0), self.split.image_shape
        )
        return set(parameter_paths(headless["params"]))

    def network_not_learned(self) -> Set[str]:
        """Paths of the parameters of `model` that nothing updates."""
        return self.not_learned

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        variables = self.model.init(rng, self.images(batch)[:1])
        if not self.scales.is_usual:
            check_scales(self.model, variables, self.scales, self.split.image_shape)
        return split_variables(variables)

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """From a run's folder, a file or a published name, see `load_start`."""
        variables = join_variables(params, model_state)
        names = self.split.class_names
        loaded, report = load_start(self.model, variables, source, names, self.config)
        return *split_variables(loaded), report

    def images(self, batch: Batch) -> jax.Array:
        """uint8 [B, H, W, 3] -> normalised float [B, H, W, 3]."""
        data = self.config.data
        return normalise(batch["image"], data.mean, data.std, self.config.model.dtype)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        mix_key, dropout_key = jax.random.split(rng)
        images, targets = self.mixed(batch, mix_key)
        mask = batch["mask"]
        # a negative index marks an example that is none: batch statistics leave it out
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        layers = frozen_layers(params, self.network_not_learned())
        with as_in_evaluation(layers):
            model, scaled = at_scale(self.model, params, self.scale, images.shape[1:3])
            output, changed = model.apply(
                join_variables(scaled, model_state),
                images,
                train=self.options.frozen != BACKBONE,
                examples=examples,
                rngs={"dropout": dropout_key},
                mutable=[name for name in model_state if name != "constants"],
                method="logits_and_features" if self._has_auxiliary else None,
            )
        logits, features = output if self._has_auxiliary else (output, {})
        losses = self.losses(logits, targets, images)  # [B]
        if "auxiliary" in features:
            # not through a second teacher or other terms of a subclass: the labels alone
            beside = self.loss_function(features["auxiliary"], targets)
            losses = losses + self.options.auxiliary_weight * beside
        if self.class_weights is not None:
            # of a mixed label the mixed weight
            losses = losses * (targets @ self.class_weights)
        total, count = (losses * mask).sum(), mask.sum()
        metrics = {"loss": (total, count)}
        for name, scores in self.targets.scores(logits, targets).items():
            metrics[name] = ((scores * mask).sum(), count)
        # a part of a batch may have no valid example: its mean is then 0, and weighs nothing
        return total / jnp.maximum(count, 1.0), ({**model_state, **changed}, metrics)

    @property
    def _has_auxiliary(self) -> bool:
        """Whether the network has a second classifier, for training alone."""
        # a network of one's own need not be described by an architecture
        architecture = getattr(self.model, "architecture", None)
        return getattr(architecture, "auxiliary", False)

    def mixed(self, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the network is trained on: images [B, H, W, 3] and soft labels [B, K]."""
        targets = self.targets.of(batch, self.model.num_classes)
        images = resized(self.images(batch), self.scale.image_size)
        mix = self.config.mix
        return mix_batch(key, images, targets, batch["index"], mix, batch["mask"])

    def losses(self, logits: jax.Array, targets: jax.Array, images: jax.Array) -> jax.Array:
        """[B]: the loss of each example, from logits and targets [B, K] of mixed images."""
        return self.loss_function(logits, targets)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> jax.Array:
        """Logits [B, K], or numbers in their own units."""
        logits = self.model.apply(
            join_variables(params, model_state), self.images(batch), train=False
        )
        return self.targets.outputs(logits)

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        def predict(variables: Variables, batch: Batch) -> jax.Array:
            return self.predict(*split_variables(variables), batch)

        evaluators = {}
        for name in config.evals:
            section = config.evals[name]
            evaluator = section.evaluator
            if evaluator == OneClass.evaluator:  # the default: what fits the targets
                evaluator = self.targets.evaluator
            evaluators[name] = find_evaluator(evaluator)(predict, config, section)
        return evaluators

    def record(self) -> dict[str, Any]:
        return {
            "labels": list(self.split.class_names),
            "examples": self.split.num_examples,
            "targets": self.targets.kind,
            **self.targets.record(),
        }

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        height, width = batch["image"].shape[1:3]
        return {"macs": models.cost(self.model, (height, width, 3)).macs}
