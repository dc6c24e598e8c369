"""Distillation: a student learns from the labels and from what a trained teacher says.

Every image is seen by both, mixed and normalised alike. The teacher's weights are constants of the
compiled step: they are neither learned nor in a checkpoint, and are read again when a run is
continued (an evaluation of the student does not need them). They cost compile time and memory then:
about 2 s and 350 MB for 27 million parameters on a CPU.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import models
from effjax.config import as_path
from effjax.data.class_names import match_classes, name_some
from effjax.errors import UserError
from effjax.models import abstract_variables
from effjax.runs.best import split_step
from effjax.runs.record import read_labels, read_record
from effjax.tasks.classification import Classification
from effjax.tasks.registry import register_task
from effjax.tasks.targets import Targets
from effjax.tasks.trained_network import (
    found_network,
    has_found,
    refuse_other_targets,
    trained_network,
)

EVERY = slice(None)  # all logits as they are


def soft(student: jax.Array, teacher: jax.Array, temperature: float) -> jax.Array:
    """T^2 KL(teacher || student) [B] at temperature T, of logits [B, K]. Hinton et al. 2015."""
    return temperature**2 * optax.losses.kl_divergence_with_log_targets(
        jax.nn.log_softmax(student / temperature), jax.nn.log_softmax(teacher / temperature)
    )


def hard(student: jax.Array, teacher: jax.Array) -> jax.Array:
    """Cross-entropy [B] with the class that the teacher names. DeiT, Touvron et al. 2021, eq. 3."""
    return optax.softmax_cross_entropy_with_integer_labels(student, jnp.argmax(teacher, -1))


def soft_labels(student: jax.Array, teacher: jax.Array, temperature: float) -> jax.Array:
    """As `soft` for K yes-or-no questions: the mean [B] of their divergences, times T^2."""
    theirs = teacher / temperature
    said = jax.nn.sigmoid(theirs)
    # the divergence of two distributions is their cross-entropy less the entropy of the first
    cross_entropy = optax.sigmoid_binary_cross_entropy(student / temperature, said)
    entropy = optax.sigmoid_binary_cross_entropy(theirs, said)
    return temperature**2 * (cross_entropy - entropy).mean(-1)


def hard_labels(student: jax.Array, teacher: jax.Array) -> jax.Array:
    """The mean cross-entropy [B] with the teacher's answers to K yes-or-no questions."""
    answers = (teacher > 0).astype(student.dtype)
    return optax.sigmoid_binary_cross_entropy(student, answers).mean(-1)


def squared_distance(student: jax.Array, teacher: jax.Array) -> jax.Array:
    """The mean [B] over K numbers of (student - teacher)^2."""
    return jnp.square(student - teacher).mean(-1)


@register_task("distill", "labelled images, and what a trained teacher says of them")
class Distillation(Classification):
    """Learns `config.model` with (1 - alpha) of the labels' loss and alpha of the teacher's.

    Raises:
      UserError: no teacher or two, a teacher that cannot be loaded, one of other classes or of
        another normalisation.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config):
        """Keys of `config.task` beside those of classification."""

        # the workdir of a run, or "runs/x:best"; else teacher_model with teacher_weights
        teacher: str | None = None
        teacher_model: str | None = None  # a registered architecture, such as "caformer_s18"
        teacher_weights: str | None = None  # its weights, .safetensors or .pth
        distillation: Literal["soft", "hard"] = "soft"
        temperature: float | None = None  # soft only; None: 3
        alpha: float = 0.5  # the teacher's share of the loss

        def __post_init__(self) -> None:
            _check_teacher(self.teacher, self.teacher_model, self.teacher_weights)
            if not 0.0 <= self.alpha <= 1.0:
                raise UserError(f"config.task.alpha = {self.alpha}; expected 0 <= alpha <= 1")
            if self.temperature is None:
                return
            if self.distillation == "hard":
                raise UserError("config.task.temperature is for soft distillation; leave it out")
            if self.temperature <= 0.0:
                raise UserError(
                    f"config.task.temperature = {self.temperature}; expected more than 0"
                )

    def distance(self, student: jax.Array, teacher: jax.Array) -> jax.Array:
        """[B]: how far the student's outputs [B, K] are from the teacher's."""
        kind = self.targets.kind
        if kind == "numbers":
            return squared_distance(student, teacher)
        if self.options.distillation == "hard":
            return hard(student, teacher) if kind == "class" else hard_labels(student, teacher)
        temperature = self.options.temperature or 3.0
        if kind == "class":
            return soft(student, teacher, temperature)
        return soft_labels(student, teacher, temperature)

    @functools.cached_property
    def targets(self) -> Targets:
        targets = super().targets
        is_set = self.options.distillation == "hard" or self.options.temperature is not None
        if targets.kind == "numbers" and is_set:
            raise UserError(
                "config.task.distillation and temperature are for classes and labels; of numbers "
                "the student learns the teacher's\nleave them out"
            )
        return targets

    @functools.cached_property
    def teacher(self) -> Callable[[jax.Array], jax.Array]:
        """images [B, H, W, 3], normalised -> logits [B, K]; loaded when the step is traced."""
        with jax.ensure_compile_time_eval():
            load = self._from_run if self.options.teacher else self._from_file
            model, variables, classes = load()
            variables = jax.device_get(variables)
        in_our_units = self._units()

        def outputs(images: jax.Array) -> jax.Array:
            theirs = model.apply(variables, images, train=False)
            return in_our_units(theirs[:, classes], classes)

        return outputs

    def losses(self, logits: jax.Array, targets: jax.Array, images: jax.Array) -> jax.Array:
        alpha = self.options.alpha
        labelled = super().losses(logits, targets, images)
        return (1 - alpha) * labelled + alpha * self.distance(logits, self.teacher(images))

    def _units(self) -> Callable[[jax.Array, Any], jax.Array]:
        """The teacher's outputs [B, K] of our targets -> what the student's would be.

        Numbers are learned with the mean and deviation of the images of a run, and the teacher may
        have seen others.
        """
        if self.targets.kind != "numbers":
            return lambda outputs, classes: outputs
        place, _ = split_step(self.options.teacher)
        record = read_record(as_path(place))
        their_mean = np.asarray([record["target_mean"]])  # [1, K']
        their_std = np.asarray([record["target_std"]])

        def in_our_units(outputs: jax.Array, classes: Any) -> jax.Array:
            numbers = outputs * their_std[:, classes] + their_mean[:, classes]
            return ((numbers - self.targets.mean) / self.targets.std).astype(outputs.dtype)

        return in_our_units

    def _from_run(self) -> tuple[models.ImageModel, Any, Any]:
        """The teacher of a run or a search: model, variables, and which of its classes are ours."""
        place, step = split_step(self.options.teacher)
        workdir = as_path(place)
        data = self.config.data
        if has_found(workdir):
            model, variables, config = found_network(workdir, step)
        else:
            task, variables = trained_network(workdir, step)
            model = task.model
            config = task.config
        refuse_other_targets(workdir, "the teacher", self.targets.kind)
        classes = self._our_classes(workdir, model.num_classes)
        theirs = config.data
        if (tuple(theirs.mean), tuple(theirs.std)) != (tuple(data.mean), tuple(data.std)):
            raise UserError(
                f"teacher {workdir} was trained with another data.mean or data.std; give its own: "
                f"--config.data.mean={theirs.mean} --config.data.std={theirs.std}"
            )
        return model, variables, classes

    def _our_classes(self, workdir: Any, classes: int) -> np.ndarray | slice:
        """Which of the teacher's logits are ours, in our order: classes are matched by name."""
        names = read_labels(workdir)
        ours = self.split.class_names
        if tuple(names) == ours or not names:
            self._check_classes(str(workdir), classes)
            return EVERY
        match = match_classes(ours, names)
        if match.unknown or len(ours) != self.model.num_classes:
            raise UserError(
                f"teacher {workdir} does not know the classes {name_some(match.unknown or ours)}\n"
                "give a teacher that was trained on the same classes"
            )
        return match.mapping

    def _from_file(self) -> tuple[models.ImageModel, Any, Any]:
        name = self.options.teacher_model
        weights = self.options.teacher_weights
        if self.targets.kind == "numbers":
            raise UserError(
                f"teacher {weights}: weights do not say in which units they give numbers\n"
                "give the run: --config.task.teacher=WORKDIR"
            )
        model = models.create_model(name, num_classes=self.model.num_classes)
        shapes = abstract_variables(model, self.split.image_shape)
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        variables, report = models.load_weights(model, blank, weights)
        if report.replaced:
            self._check_classes(f"{name} of {weights}", None)
        return model, variables, EVERY

    def _check_classes(self, teacher: str, classes: int | None) -> None:
        if classes != self.model.num_classes:
            raise UserError(
                f"teacher {teacher} knows {classes or 'other'} classes, the student "
                f"{self.model.num_classes}\ngive a teacher that was trained on the same classes"
            )


def _check_teacher(workdir: str | None, model: str | None, weights: str | None) -> None:
    """Raises UserError unless there is either a workdir, or a model with its weights."""
    from_run = workdir is not None
    from_file = model is not None and weights is not None
    incomplete = (model is None) != (weights is None)
    if incomplete or from_run == from_file:
        raise UserError(
            "distill needs one teacher: --config.task.teacher=WORKDIR of a trained run,\n"
            "or --config.task.teacher_model=NAME --config.task.teacher_weights=F.safetensors"
        )
