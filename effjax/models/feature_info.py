"""The maps that a network offers to a detector or a decoder: their layers, channels and strides.

Shapes: B batch, H W space, N tokens, C channels.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from effjax.models.base import ImageModel
from effjax.models.create import create_model
from effjax.models.families.vit import PREFIX
from effjax.models.registry import abstract_variables, default_input_shape

STAGE = "stage"  # how the names of maps begin


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """One map of `model.apply(variables, images, method="features")`.

    Attributes:
        name: its key there.
        channels: C.
        stride: (vertical, horizontal) pixels of the image for one place of the map; of a video
            (frames, vertical, horizontal).
        size: (height, width) of the map; of tokens: of their grid; of a video: frames first.
        shape: of the array for one image: [H, W, C], of a video [T, H, W, C], or [N, C] for tokens,
            whose first PREFIX are no places.
    """

    name: str
    channels: int
    stride: tuple[int, ...]
    size: tuple[int, ...]
    shape: tuple[int, ...]


def feature_info(
    model: str | ImageModel, image_size: int | tuple[int, int] | None = None
) -> list[FeatureMap]:
    """The maps of a network, from the finest to the coarsest; nothing is computed.

    Args:
        model: a registered name, or a model.
        image_size: of the images (of a video: of its frames), a side or (height, width); None: what
            the model is for.

    Raises UserError for an unknown name.
    """
    if isinstance(model, str):
        model = create_model(model, num_classes=0)
    *space, channels = default_input_shape(model)
    if image_size is not None:
        space[-2:] = (image_size,) * 2 if isinstance(image_size, int) else image_size
    shape = (*space, channels)
    variables = abstract_variables(model, shape)
    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    apply = functools.partial(model.apply, method="features")
    found = []
    for name, leaf in jax.eval_shape(apply, variables, images).items():
        if name.startswith(STAGE):
            grid = _grid(model, leaf.shape)
            stride = tuple(pixels // places for pixels, places in zip(space, grid, strict=True))
            found.append(FeatureMap(name, leaf.shape[-1], stride, grid, leaf.shape[1:]))
    return found


def _grid(model: ImageModel, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sides of a map [B, ..., C], or of the places of tokens [B, N, C]."""
    _, *sides, _ = shape
    if len(sides) > 1:
        return tuple(sides)
    return model.token_grid(shape[1] - PREFIX)
