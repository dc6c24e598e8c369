"""The task `masked_images`: most patches are hidden, a decoder says what they are.

Masked Autoencoders Are Scalable Vision Learners, He et al. 2022, https://arxiv.org/abs/2111.06377.
With a teacher's features as the target: Masked Feature Prediction, Wei et al. 2022,
https://arxiv.org/abs/2112.09133; Exploring Target Representations, Liu et al. 2022,
https://arxiv.org/abs/2209.03917.

Shapes: B batch, H W space, N patches, n of them seen, C channels of the target.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from effjax import models
from effjax.config import View
from effjax.contract import Batch, Evaluator, Metrics, Params, Variables, split_variables
from effjax.errors import UserError
from effjax.models.architecture import Width
from effjax.models.families.vit import PREFIX, Shown, ViT, ViTArchitecture
from effjax.optim import parameter_paths
from effjax.ranges import Count, Range
from effjax.tasks.pretraining.masked_images import patches
from effjax.tasks.pretraining.masked_images.decoder import Decoder, fixed_positions, xavier
from effjax.tasks.pretraining.masked_images.evaluator import NAME, Reconstruction
from effjax.tasks.pretraining.self_distillation.losses import feature_loss
from effjax.tasks.pretraining.task import STUDENT, Pretraining
from effjax.tasks.registry import register_task
from effjax.tasks.starting import find_start

POSITIONS = "encoder/pos_embed"


@register_task("masked_images", "most patches of an image are hidden and predicted: MAE")
class MaskedImages(Pretraining):
    """Learns `config.model`, a ViT, by what it says of the patches that it does not see.

    Only the patches that are seen go through the encoder. Positions are fixed sines and cosines:
    they are handed on as the network's positions, which fine-tuning may learn.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(Pretraining.Config):
        """Keys of `config.task`."""

        # share of the patches that is hidden
        mask_ratio: Annotated[float, Range(0, 1, "()")] = 0.75
        decoder_width: Width = 512
        decoder_depth: Count = 8
        decoder_heads: Count = 16
        # the target of a patch has its own mean and deviation taken out; of pixels alone
        normalised: bool = True
        # a run's folder or published weights, NAME.TAG: the features of that ViT are predicted, and
        # no pixels
        teacher: str | None = None

    networks: ClassVar[tuple[str, ...]] = (STUDENT,)
    parts_allowed: ClassVar[bool] = True

    @functools.cached_property
    def model(self) -> ViT:
        """The encoder.

        Raises:
          UserError: no ViT, or a size or a ratio that leaves nothing to see or to predict.
        """
        model = Pretraining.model.func(self)
        if not isinstance(model, ViT):
            raise UserError(
                f"task {self.name!r} leaves patches out, which {self.config.model.name} cannot\n"
                "give a ViT, such as --config.model.name=vit_tiny_patch16_224"
            )
        return model

    @functools.cached_property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the patches."""
        side = self.model.architecture.patch_size
        height, width, _ = self.split.image_shape
        if height % side or width % side:
            raise UserError(
                f"images {height}x{width} do not divide into patches of {side}x{side}: set "
                "config.model.patch_size or config.data.image_size"
            )
        return height // side, width // side

    @functools.cached_property
    def kept(self) -> int:
        """n."""
        rows, columns = self.grid
        count = rows * columns
        kept = patches.kept_count(count, self.options.mask_ratio)
        if not 0 < kept < count:
            raise UserError(
                f"config.task.mask_ratio = {self.options.mask_ratio} keeps {kept} of {count} "
                "patches; some must be seen and some hidden"
            )
        return kept

    @functools.cached_property
    def decoder(self) -> Decoder:
        """What is left out afterwards."""
        options = self.options
        encoder = self.model.architecture
        architecture = ViTArchitecture(
            options.decoder_width,
            options.decoder_heads,
            options.decoder_depth,
            mlp_ratio=encoder.mlp_ratio,
            remat=encoder.remat,
        )
        if options.decoder_width % 4:
            raise UserError(
                f"config.task.decoder_width = {options.decoder_width}: sines and cosines of rows "
                "and columns need a multiple of 4"
            )
        return Decoder(architecture, self._target_channels(), self.grid)

    def _target_channels(self) -> int:
        if self.options.teacher is not None:
            return self.teacher_model[0].architecture.width
        return 3 * self.model.architecture.patch_size**2

    # ------------------------------------------------------------------------------- teacher

    @functools.cached_property
    def teacher_model(self) -> tuple[ViT, Any]:
        """(the network whose features are predicted, what its weights are read from).

        Raises:
          UserError: no ViT, or one that cuts images into other patches.
        """
        name = self.options.teacher
        with jax.ensure_compile_time_eval():  # it may be asked for while a step is traced
            start = find_start(name)
        model = start.model
        if model is None:
            size = self.split.image_shape[0]
            model = models.create_model(name, num_classes=0)
            facts = models.pretrained(name)
            if facts.input_size != size:
                raise UserError(
                    f"config.task.teacher = {name!r} is for images of {facts.input_size}, these "
                    f"have {size}: set config.data.image_size"
                )
        if not isinstance(model, ViT):
            raise UserError(
                f"config.task.teacher = {name!r} is no ViT, and has no feature of each patch"
            )
        side = self.model.architecture.patch_size
        if model.architecture.patch_size != side:
            raise UserError(
                f"config.task.teacher = {name!r} has patches of {model.architecture.patch_size} "
                f"pixels, config.model of {side}: they must be the same"
            )
        return model.clone(num_classes=0), start.weights

    @functools.cached_property
    def teacher(self) -> Callable[[Array], Array]:
        """images [B, H, W, 3], normalised -> tokens [B, N, C]; loaded when the step is traced."""
        model, weights = self.teacher_model
        with jax.ensure_compile_time_eval():
            shapes = models.abstract_variables(model, self.split.image_shape)
            blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
            variables, _ = models.load_weights(model, blank, weights)
            variables = jax.device_get(variables)
        return lambda images: model.apply(variables, images, method="tokens")[:, PREFIX:]

    # ---------------------------------------------------------------------------------- step

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        encoder_key, xavier_key, decoder_key = jax.random.split(rng, 3)
        images = self.pixels(batch["image"][:1])
        width = self.model.architecture.width
        if width % 4:
            raise UserError(
                f"config.model.width = {width}: sines and cosines of rows and columns need a "
                "multiple of 4"
            )
        encoder, state = split_variables(self.model.init(encoder_key, images))
        encoder = as_mae_draws(xavier_key, encoder)
        dtype = encoder["pos_embed"].dtype
        encoder["pos_embed"] = jnp.asarray(fixed_positions(self.grid, width), dtype)
        rows, columns = self.grid
        tokens = jnp.zeros((1, PREFIX + self.kept, width), self.model.dtype)
        places = jnp.arange(rows * columns)[None]
        decoder = self.decoder.init(decoder_key, tokens, places)["params"]
        decoder = jax.tree.map(lambda leaf: leaf.astype(self.model.param_dtype), decoder)
        return {"encoder": encoder, "decoder": decoder}, {"encoder": state}

    def groups(self, params: Params) -> Any:
        labels = []
        for path in parameter_paths(params):
            labels.append("frozen" if path == POSITIONS else "default")
        return jax.tree.structure(params).unflatten(labels)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        """The mean error of the patches that are hidden; each image hides as many."""
        mask_key, dropout_key = jax.random.split(rng)
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        errors = self.errors(params, batch, mask_key, examples, dropout_key)
        # a padded image is black, and its error says nothing
        errors = jnp.where(mask > 0, errors, 0.0)
        total = errors.sum()
        count = mask.sum()
        return total / jnp.maximum(count, 1.0), (model_state, {"loss": (total, count)})

    def errors(
        self,
        params: Params,
        batch: Batch,
        mask_key: Array,
        examples: Array | None = None,
        dropout_key: Array | None = None,
    ) -> Array:
        """[B]: the mean error of the hidden patches of each image.

        Args:
          mask_key: of the patches that are hidden.
          examples: [B], in training: see `ImageModel`; None: as in evaluation.
        """
        images = self.pixels(batch["image"])
        rows, columns = self.grid
        noise = patches.draw_noise(mask_key, batch["index"], rows * columns)
        masks = patches.rank(noise, self.kept)
        tokens = self.model.apply(
            {"params": params["encoder"]},
            images,
            train=examples is not None,
            examples=examples,
            shown=Shown(masks.kept),
            rngs=None if dropout_key is None else {"dropout": dropout_key},
            method="tokens",
        )
        predicted = self.decoder.apply({"params": params["decoder"]}, tokens, masks.places)
        of_patches = self._patch_errors(predicted, images)  # [B, N]
        return (of_patches * masks.hidden).sum(-1) / masks.hidden.sum(-1)

    def _patch_errors(self, predicted: Array, images: Array) -> Array:
        if self.options.teacher is not None:
            return feature_loss(predicted, self.teacher(images).astype(predicted.dtype))
        target = patches.cut(images.astype(predicted.dtype), self.model.architecture.patch_size)
        if self.options.normalised:
            target = patches.normalised(target)
        return jnp.square(predicted - target).mean(-1)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Array:
        """Features [B, C]: the class token after the last norm."""
        return self.model.apply({"params": params["encoder"]}, self.pixels(batch["image"]))

    # ---------------------------------------------------------------------------- evaluation

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        def errors(variables: Variables, batch: Batch, key: Array) -> Array:
            return self.errors(variables["params"], batch, key)

        own = [name for name in config.evals if config.evals[name].evaluator == NAME]
        found = super().evaluators(config, leave_out=own)
        for name in own:
            found[name] = Reconstruction(errors, config, config.evals[name])
        return found


def as_mae_draws(key: Array, encoder: Params) -> Params:
    """The encoder with kernels drawn as MAE draws them: Xavier, patches as a linear map."""
    paths = parameter_paths(encoder)
    leaves, tree = jax.tree.flatten(encoder)
    drawn = []
    for number, (path, leaf) in enumerate(zip(paths, leaves)):
        own_key = jax.random.fold_in(key, number)
        if path.endswith("kernel"):
            matrix = xavier(own_key, (leaf.size // leaf.shape[-1], leaf.shape[-1]))
            leaf = matrix.reshape(leaf.shape).astype(leaf.dtype)
        elif path == "cls_token":
            leaf = (0.02 * jax.random.normal(own_key, leaf.shape)).astype(leaf.dtype)
        drawn.append(leaf)
    return tree.unflatten(drawn)
