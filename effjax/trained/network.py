"""A trained classifier with all that its use needs: weights, preprocessing and class names.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from effjax.data import normalise
from effjax.data.config import IMAGENET_MEAN, IMAGENET_STD
from effjax.data.images.centre_crop import EvalTransform
from effjax.models import ImageModel

Triple = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From an image of any size to what the network takes.

    Attributes:
      size: (height, width) of what enters the network, in pixels.
      crop: side of the centre crop, as a share of the resized image.
      interpolation: "bilinear" or "bicubic".
      mean, std: per channel, of pixels scaled to 0..1.
    """

    size: tuple[int, int]
    crop: float = 1.0
    interpolation: str = "bicubic"
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    def transform(self) -> EvalTransform:
        """uint8 [., ., 3] -> uint8 [H, W, 3]; `mean` and `std` are applied on the device."""
        return EvalTransform(self.size, self.crop, self.interpolation)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Attributes:
      name: what to call it in titles.
      base: the registered architecture that `model` is made from, fields changed or not.
      model: the network; its `num_classes` is K.
      variables: its parameters and state.
      preprocessing: what its images go through.
      labels: the names of the classes, K of them.
    """

    name: str
    base: str  # the key of the registry, which an exported file needs
    model: ImageModel
    variables: Any
    preprocessing: Preprocessing
    labels: tuple[str, ...]

    def normalised(self, images: jax.Array) -> jax.Array:
        """uint8 [B, H, W, 3] -> what the model takes, float [B, H, W, 3]."""
        return normalise(images, self.preprocessing.mean, self.preprocessing.std)

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """Logits [B, K] of uint8 images [B, H, W, 3]; a pure function."""
        return self.model.apply(variables, self.normalised(images), train=False)


class Spread:
    """All devices of this process, each with a copy of the weights and its part of a batch.

    Args:
      batch: images at a time, as asked for.

    Attributes:
      batch: the same, rounded up to a multiple of the devices.
    """

    def __init__(self, batch: int):
        devices = jax.local_devices()
        # a device without an image of its own would only add communication
        used = max(1, min(len(devices), batch))
        self.batch = -(-batch // used) * used  # rounded up
        grid = np.asarray(devices[:used])
        mesh = Mesh(grid, ("examples",), axis_types=(AxisType.Auto,))
        self._copies = NamedSharding(mesh, PartitionSpec())
        self._parts = NamedSharding(mesh, PartitionSpec("examples"))

    def copy(self, variables: Any) -> Any:
        """The weights onto every device."""
        return jax.device_put(variables, self._copies)

    def send(self, **arrays: np.ndarray) -> dict[str, jax.Array]:
        """Arrays [batch, ...], a part to each device."""
        return jax.device_put(arrays, self._parts)
