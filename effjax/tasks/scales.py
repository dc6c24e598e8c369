"""Training at several image sizes and patch sizes: which scale an update has, and how it is made.

The batch is the one of `data.image_size`, made smaller inside the step: which examples and views it
holds stays a function of (seed, step). One program is compiled for each scale. Rising sizes are
those of Tan and Le 2021, https://arxiv.org/abs/2104.00298; patches of several sizes those of
FlexiViT, Beyer et al. 2023, https://arxiv.org/abs/2212.08013.

Shapes: B batch, H W what the loader makes, h w what the network sees.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from effjax.contract import Params
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.architecture import sides
from effjax.models.families.vit import ViT
from effjax.models.weights.patches import resize_patches
from effjax.tasks.pretraining.self_distillation.crops import fitted

Sides = tuple[int, int]


class Scale(NamedTuple):
    """Of one update; None: as the data and the architecture have it."""

    image_size: Sides | None = None
    patch_size: int | None = None


USUAL = Scale()


@dataclasses.dataclass(frozen=True)
class Scales:
    """Which scale an update has.

    Attributes:
      image_sizes: (h, w), of which the last is the largest where they rise.
      order: "rise", each for an equal share of the run; "draw", one an update.
      patch_sizes: of a ViT, drawn.
      total: steps of the run.
      seed: of the draws.
    """

    image_sizes: tuple[Sides, ...] = ()
    order: str = "rise"
    patch_sizes: tuple[int, ...] = ()
    total: int | None = None
    seed: int = 0

    @property
    def is_usual(self) -> bool:
        return not self.image_sizes and not self.patch_sizes

    def at(self, step: int) -> Scale:
        """The scale of update `step + 1`: a function of the seed and the step."""
        draws = np.random.default_rng((self.seed, step)).random(2)
        image_size = patch_size = None
        if self.image_sizes:
            share = draws[0]
            if self.order == "rise":
                share = min(step, self.total - 1) / self.total
            image_size = self.image_sizes[int(share * len(self.image_sizes))]
        if self.patch_sizes:
            patch_size = self.patch_sizes[int(draws[1] * len(self.patch_sizes))]
        return Scale(image_size, patch_size)

    def every(self) -> list[Scale]:
        """All that may come."""
        sizes = self.image_sizes or (None,)
        patches = self.patch_sizes or (None,)
        return [Scale(size, patch) for size in sizes for patch in patches]


def read_scales(options: Any, image_shape: tuple[int, ...], total: int | None, seed: int) -> Scales:
    """What `task.image_sizes`, `task.size_order` and `task.patch_sizes` say.

    Args:
      image_shape: (H, W, channels) of the loader's images.
      total: steps of the run.

    Raises:
      UserError: a size that the loader's images would have to be enlarged to.
    """
    sizes = tuple(sides(size) for size in options.image_sizes)
    for height, width in sizes:
        if height > image_shape[0] or width > image_shape[1]:
            raise UserError(
                f"config.task.image_sizes: {height}x{width} is larger than the images that are "
                f"read\nset --config.data.image_size to the largest of them"
            )
    return Scales(sizes, options.size_order, options.patch_sizes, total, seed)


def resized(images: jax.Array, size: Sides | None) -> jax.Array:
    """[B, H, W, C] -> [B, h, w, C], bilinear and smoothed."""
    batch, height, width, channels = images.shape
    if size is None or (height, width) == size:
        return images
    return jax.image.resize(images, (batch, *size, channels), "bilinear", antialias=True)


def at_scale(
    model: ImageModel, params: Params, scale: Scale, size: Sides
) -> tuple[ImageModel, Params]:
    """The network and its parameters for images of `size` in patches of the scale.

    What is learned stays the parameters of the architecture: the kernel of the patches and the
    positions are resized on the way to the network, by linear maps.

    Raises:
      UserError: patches of several sizes in a network without any.
    """
    if scale == USUAL:
        return model, params
    if scale.patch_size is not None:
        if not isinstance(model, ViT):
            raise UserError(
                f"config.task.patch_sizes is for a ViT; this is a {type(model).__name__}"
            )
        fields = dataclasses.replace(model.architecture, patch_size=scale.patch_size)
        embedding = params["patch_embed"]
        kernel = resize_patches(embedding["proj"]["kernel"], scale.patch_size)
        proj = {**embedding["proj"], "kernel": kernel}
        params = {**params, "patch_embed": {**embedding, "proj": proj}}
        model = model.clone(architecture=fields)
    return model, fitted(model, params, size)


def check_scales(
    model: ImageModel, variables: Any, scales: Scales, image_shape: tuple[int, ...]
) -> None:
    """Refuses scales that the network cannot have; nothing is computed.

    Raises:
      UserError: as the network says it.
    """
    for scale in scales.every():
        size = scale.image_size or image_shape[:2]
        scaled, params = at_scale(model, variables["params"], scale, size)
        image = jax.ShapeDtypeStruct((1, *size, image_shape[2]), np.float32)
        jax.eval_shape(scaled.apply, {**variables, "params": params}, image)
