"""The task `patch_distillation`: classes, and what a teacher's classifier says of every patch.

The meta-training of SUN: Self-Promoted Supervision for Few-Shot Transformer, Dong et al. 2022,
https://arxiv.org/abs/2203.07057. The teacher sees the crop as it is; the student sees it with other
colours and erased.

Shapes: B batch, H W space, P places of the last map, C channels, K classes.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax import models
from effjax.config import View, as_path
from effjax.contract import Batch, Metrics, Params, join_variables
from effjax.data import mix_batch, normalise
from effjax.errors import UserError
from effjax.models.blocks.layers import Linear
from effjax.ranges import Count, NotNegative, Share
from effjax.runs.record import read_labels
from effjax.tasks.classification import Classification
from effjax.tasks.few_shot.distort import Distortion
from effjax.tasks.few_shot.patch_labels import Background, patch_loss, patch_targets
from effjax.tasks.registry import register_task
from effjax.tasks.trained_network import refuse_other_targets, trained_network

PATCHES = "patches"  # the student's second classifier, among the parameters
MAP = "map"  # the last map, whose mean is what the classifier takes


@register_task("patch_distillation", "classes, and a teacher's label of every patch: SUN")
class PatchDistillation(Classification):
    """Learns `config.model` with the labels, and with a teacher's of every place of the last map.

    Raises:
      UserError: no teacher, one of other classes or of another normalisation, a network without a
        map before its classifier, or mixed images.
    """

    one_class_only = True

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config):
        """Keys of `config.task` beside those of classification."""

        teacher: str | None = None  # the workdir of a classification on the same classes
        patch_weight: NotNegative = 0.5
        classes_of_patch: Count = 5  # that a patch is labelled with
        background: Share = 0.4  # share of the patches that are background
        # "extra": a class of their own, as the paper has it; "class1": as the authors' code has it
        background_label: Background = "extra"
        smoothing: Share = 0.1  # of the patches' labels
        distort: Share = 0.5  # share of the images whose colours the student sees changed

        def __post_init__(self) -> None:
            if self.teacher is None:
                raise UserError(
                    "patch_distillation needs a teacher: --config.task.teacher=WORKDIR of a "
                    "classification on the same classes"
                )

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if config.mix.mixup or config.mix.cutmix:
            raise UserError(
                "config.mix.mixup and cutmix: the patches of mixed images have no label\n"
                "leave them out; config.mix.erase_prob erases"
            )

    def build_model(self) -> models.ImageModel:
        model = super().build_model()
        shape = (1, *self.split.image_shape)
        images = jax.ShapeDtypeStruct(shape, jnp.float32)
        variables = models.abstract_variables(model, self.split.image_shape)
        features = functools.partial(model.apply, method="features")
        if MAP not in jax.eval_shape(features, variables, images):
            raise UserError(
                f"task {self.name!r} labels the places of the map before the classifier, which "
                f"{self.config.model.name} does not have\n"
                "give --config.model.name=visformer_micro_80"
            )
        if model.architecture.head_dropout:
            raise UserError("config.model.head_dropout: patches have no dropout; leave it out")
        return model

    # ---------------------------------------------------------------------------- parameters

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        model_key, patch_key = jax.random.split(rng)
        params, model_state = super().init(model_key, batch)
        channels = params["linear"]["kernel"].shape[0]
        layer = Linear(self.model.num_classes + 1)
        own = layer.init(patch_key, jnp.zeros((1, channels)))["params"]
        return {**params, PATCHES: own}, model_state

    def network_alone(self, params: Params, model_state: Any) -> tuple[Params, Any]:
        """Without the classifier of patches."""
        return {name: tree for name, tree in params.items() if name != PATCHES}, model_state

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        own = params[PATCHES]
        alone, model_state = self.network_alone(params, model_state)
        alone, model_state, report = super().load(alone, model_state, source)
        return {**alone, PATCHES: own}, model_state, report

    def depths(self, params: Params) -> tuple[Any, int]:
        alone, _ = self.network_alone(params, {})
        found, last = super().depths(alone)
        return {**found, PATCHES: jax.tree.map(lambda _: last, params[PATCHES])}, last

    # -------------------------------------------------------------------------------- teacher

    @functools.cached_property
    def teacher(self) -> Callable[[Array], Array]:
        """images [B, H, W, 3], normalised -> logits of every place [B, P, K]."""
        workdir = as_path(self.options.teacher)
        data = self.config.data
        refuse_other_targets(workdir, "config.task.teacher", "class")
        with jax.ensure_compile_time_eval():
            task, variables = trained_network(workdir)
            variables = jax.device_get(variables)
        theirs = task.config.data
        if (tuple(theirs.mean), tuple(theirs.std)) != (tuple(data.mean), tuple(data.std)):
            raise UserError(
                f"teacher {workdir} was trained with another data.mean or data.std; give its own: "
                f"--config.data.mean={theirs.mean} --config.data.std={theirs.std}"
            )
        if tuple(read_labels(workdir)) != self.split.class_names:
            raise UserError(
                f"teacher {workdir} was trained on other classes than {data.name}, or in another "
                "order\ngive a teacher of the same classes"
            )
        model = task.model

        def logits_of_places(images: Array) -> Array:
            found = model.apply(variables, images, method="features")
            if MAP not in found:
                raise UserError(f"teacher {workdir} has no map before its classifier")
            return _of_places(variables["params"]["linear"], found[MAP])

        return logits_of_places

    # ----------------------------------------------------------------------------------- step

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        mix_key, colour_key, dropout_key = jax.random.split(rng, 3)
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        seen, targets = self._of_student(batch, mix_key, colour_key)
        features, changed = self.model.apply(
            join_variables(params, model_state),
            seen,
            train=True,
            examples=examples,
            rngs={"dropout": dropout_key},
            mutable=[name for name in model_state if name != "constants"],
            method="features",
        )
        logits = _dense(params["linear"], features["prelogits"])
        classes = self.losses(logits, targets, seen)  # [B]
        places = _of_places(params[PATCHES], features[MAP])
        wanted = self._patch_targets(self.teacher(self.images(batch)))
        of_patches = patch_loss(places, wanted)  # [B]
        losses = classes + self.options.patch_weight * of_patches
        count = mask.sum()
        parts = {"loss": losses, "class_loss": classes, "patch_loss": of_patches}
        parts |= self.targets.scores(logits, targets)
        metrics = {}
        for name, values in parts.items():
            metrics[name] = (jnp.where(mask > 0, values, 0.0).sum(), count)
        total = metrics["loss"][0] / jnp.maximum(count, 1.0)
        return total, ({**model_state, **changed}, metrics)

    def _of_student(self, batch: Batch, mix_key: Array, colour_key: Array) -> tuple[Array, Array]:
        """Images with other colours, erased, and targets [B, K]."""
        data = self.config.data
        distortion = Distortion(share=self.options.distort)
        changed = distortion(batch["image"], colour_key, batch["index"])
        images = normalise(changed, data.mean, data.std, self.config.model.dtype)
        targets = self.targets.of(batch, self.model.num_classes)
        return mix_batch(mix_key, images, targets, batch["index"], self.config.mix, batch["mask"])

    def _patch_targets(self, logits: Array) -> Array:
        """[B, P, K + 1] of the teacher's logits [B, P, K]."""
        o = self.options
        classes = min(o.classes_of_patch, logits.shape[-1])
        background = round(o.background * logits.shape[1])
        return patch_targets(logits, classes, background, o.smoothing, o.background_label)


def _of_places(layer: Params, features: Array) -> Array:
    """[B, P, ...] of a map [B, H, W, C], in float32."""
    rows = features.reshape(len(features), -1, features.shape[-1])
    return _dense(layer, rows.astype(jnp.float32))


def _dense(layer: Params, x: Array) -> Array:
    return Linear(layer["bias"].shape[0]).apply({"params": layer}, x)
