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
import optax

from effjax import models
from effjax.config import View, as_path, check, to_config
from effjax.errors import UserError
from effjax.models.registry import abstract_variables
from effjax.tasks.classification import Classification, trained_network


@dataclasses.dataclass(frozen=True)
class DistillConfig:
    """Keys of `config.task` beside those of classification."""

    teacher: str | None = None  # the workdir of a run; else teacher_model with teacher_weights
    teacher_model: str | None = None  # a registered architecture, such as "caformer_s18"
    teacher_weights: str | None = None  # its weights, .safetensors or .pth
    distillation: Literal["soft", "hard"] = "soft"
    temperature: float | None = None  # soft only; None: 3
    alpha: float = 0.5  # the teacher's share of the loss


def soft(student: jax.Array, teacher: jax.Array, temperature: float) -> jax.Array:
    """T^2 KL(teacher || student) [B] at temperature T, of logits [B, K]. Hinton et al. 2015."""
    return temperature**2 * optax.losses.kl_divergence_with_log_targets(
        jax.nn.log_softmax(student / temperature), jax.nn.log_softmax(teacher / temperature)
    )


def hard(student: jax.Array, teacher: jax.Array) -> jax.Array:
    """Cross-entropy [B] with the class that the teacher names. DeiT, Touvron et al. 2021, eq. 3."""
    return optax.softmax_cross_entropy_with_integer_labels(student, jnp.argmax(teacher, -1))


class Distillation(Classification):
    """Learns `config.model` with (1 - alpha) of the labels' loss and alpha of the teacher's.

    Keys of `config.task`: those of `Classification` and of `DistillConfig`.

    Raises:
      UserError: no teacher or two, a teacher that cannot be loaded, one of other classes or of
        another normalisation.
    """

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        keys = self.keys = read_keys(config.task)
        if keys.distillation == "soft":
            self.distance = functools.partial(soft, temperature=keys.temperature or 3.0)
        else:
            self.distance = hard

    @functools.cached_property
    def teacher(self) -> Callable[[jax.Array], jax.Array]:
        """images [B, H, W, 3], normalised -> logits [B, K]; loaded when the step is traced."""
        with jax.ensure_compile_time_eval():
            load = self._from_run if self.keys.teacher else self._from_file
            model, variables = load()
            variables = jax.device_get(variables)
        return lambda images: model.apply(variables, images, train=False)

    def losses(self, logits: jax.Array, targets: jax.Array, images: jax.Array) -> jax.Array:
        alpha = self.keys.alpha
        labelled = super().losses(logits, targets, images)
        return (1 - alpha) * labelled + alpha * self.distance(logits, self.teacher(images))

    def _from_run(self) -> tuple[models.ImageModel, Any]:
        workdir, data = as_path(self.keys.teacher), self.config.data
        task, variables = trained_network(workdir)
        model, theirs = task.model, task.config.data
        self._check_classes(str(workdir), model.num_classes)
        if (theirs.mean, theirs.std) != (data.mean, data.std):
            raise UserError(
                f"teacher {workdir} was trained with another data.mean or data.std; give its own: "
                f"--config.data.mean={theirs.mean} --config.data.std={theirs.std}"
            )
        return model, variables

    def _from_file(self) -> tuple[models.ImageModel, Any]:
        name, weights = self.keys.teacher_model, self.keys.teacher_weights
        model = models.create_model(name, num_classes=self.model.num_classes)
        shapes = abstract_variables(model, self.split.image_shape)
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        variables, report = models.load_weights(model, blank, weights)
        if report.replaced:
            self._check_classes(f"{name} of {weights}", None)
        return model, variables

    def _check_classes(self, teacher: str, classes: int | None) -> None:
        if classes != self.model.num_classes:
            raise UserError(
                f"teacher {teacher} knows {classes or 'other'} classes, the student "
                f"{self.model.num_classes}\ngive a teacher that was trained on the same classes"
            )


def read_keys(task: View) -> DistillConfig:
    """What `config.task` says of the teacher, checked.

    Raises:
      UserError: an unknown key, a wrong value, no teacher or two.
    """
    section = to_config(DistillConfig)
    section.unlock()
    section.update(task.extras("name", "loss"))
    check(section, DistillConfig, "task.")
    keys = DistillConfig(**section)
    from_file = keys.teacher_model is not None and keys.teacher_weights is not None
    partly = keys.teacher_model is not None or keys.teacher_weights is not None
    if (keys.teacher is not None) == from_file or partly != from_file:
        raise UserError(
            "distill needs one teacher: --config.task.teacher=WORKDIR of a trained run,\n"
            "or --config.task.teacher_model=NAME --config.task.teacher_weights=F.safetensors"
        )
    if not 0.0 <= keys.alpha <= 1.0:
        raise UserError(f"config.task.alpha = {keys.alpha}; expected 0 <= alpha <= 1")
    if keys.temperature is not None and keys.distillation == "hard":
        raise UserError("config.task.temperature is for soft distillation; leave it out")
    if keys.temperature is not None and keys.temperature <= 0.0:
        raise UserError(f"config.task.temperature = {keys.temperature}; expected more than 0")
    return keys
