"""The random transform of training, on uint8 pixels.

Shapes: B examples, H W the output; every image is uint8 [., ., 3]. Random draws belong to an
example of a step: rows of uniform numbers for what all examples need, and a generator of its own
for what needs a varying number of draws.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from effjax.data.config import AugmentConfig
from effjax.data.images.augmix import AugMix
from effjax.data.images.autoaugment import AutoAugment
from effjax.data.images.randaugment import RandAugment, color_jitter, fill_colour
from effjax.data.images.random_crop import Box, flip, pad_crop, random_box
from effjax.data.images.resize import image_size, resize
from effjax.data.images.three_augment import ThreeAugment
from effjax.errors import UserError

Policy = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # uint8 [H, W, 3] to the same


class Draws(NamedTuple):
    """What is drawn for each of B examples, whatever the images are; [B] each."""

    choice: np.ndarray  # int: which of `interpolations`
    top: np.ndarray  # int, 0 to 2 * pad: the window of `pad_crop`
    left: np.ndarray
    left_right: np.ndarray  # bool: flips
    upside_down: np.ndarray


DRAWN = len(Draws._fields)
# the keys that serve one crop alone
CROP_OF = {"scale": "random_resized", "ratio": "random_resized", "pad": "pad"}


@dataclasses.dataclass(frozen=True)
class TrainTransform:
    """Images -> random uint8 views of `size`.

    First a random box of each image (`boxes`), or all of it, is resized by `whole`; then `finish`.
    """

    size: tuple[int, int]
    augment: AugmentConfig
    policy: Policy | None  # RandAugment or what takes its place

    def draws(self, uniform: np.ndarray) -> Draws:
        """From uniform numbers [B, DRAWN] in [0, 1)."""
        which, y, x, horizontal, vertical = uniform.T
        shifts = 2 * self.augment.pad + 1
        return Draws(
            choice=(which * self.choices).astype(int),
            top=(y * shifts).astype(int),
            left=(x * shifts).astype(int),
            left_right=horizontal < self.augment.hflip,
            upside_down=vertical < self.augment.vflip,
        )

    @property
    def interpolations(self) -> tuple[str, ...]:
        """The ways to resize among which one is drawn."""
        wanted = self.augment.interpolation
        if wanted == "random":
            return ("bilinear", "bicubic")
        return (wanted,)

    @property
    def choices(self) -> int:
        """How many ways there are to resize an image."""
        return len(self.interpolations)

    @property
    def boxes(self) -> bool:
        """Whether a random box of the image is taken; else the whole image."""
        return self.augment.crop == "random_resized"

    def whole(self, image: np.ndarray, choice: int, out: np.ndarray) -> None:
        """Resizes all of an image [., ., 3] into `out` [H, W, 3]: nothing random but the choice."""
        resize(image, self.size, self.interpolations[choice], out)

    def box(self, uniform: Sequence[float], size: tuple[int, int]) -> Box:
        """A random box (top, left, height, width) of an image of `size`, by BOX numbers."""
        return random_box(uniform, size, self.augment.scale, self.augment.ratio)

    def finish(
        self, images: np.ndarray, draws: Draws, rng: Callable[[int], np.random.Generator]
    ) -> np.ndarray:
        """The rest, on a batch [B, H, W, 3]: window, flips and colours.

        Args:
          images: [B, H, W, 3]; may be changed in place.
          draws: of these B examples.
          rng: 0 to B - 1 -> the generator of that example, until it is asked for another.
        """
        augment = self.augment
        if augment.crop == "pad":
            images = pad_crop(images, draws.top, draws.left, augment.pad)
        images = flip(images, draws.left_right, draws.upside_down)
        if self.policy is None and not augment.color_jitter:
            return images
        for row, image in enumerate(images):
            own = rng(row)
            # the order of the two is that of the draws
            if self.policy is not None:
                image = self.policy(image, own)
            if augment.color_jitter:
                image = color_jitter(image, augment.color_jitter, own)
            images[row] = image
        return images

    @property
    def enough(self) -> tuple[int, int]:
        """The size of a whole image from which even the smallest crop has all its pixels."""
        share = 1.0  # of each side
        if self.boxes:
            smallest, _ = self.augment.scale
            share = math.sqrt(smallest)
        height, width = self.size
        return math.ceil(height / share), math.ceil(width / share)


def train_transform(config: Any) -> TrainTransform:
    """What `config.augment` (see `AugmentConfig`) describes, for `config.image_size`.

    Raises:
      UserError: `randaugment` has unknown words, or a policy stands beside it.
    """
    # a copy of plain values: `config` may be of another type, and may change
    values = {}
    for field in dataclasses.fields(AugmentConfig):
        # what the crop does not use stays unread, so that a config that sets it is refused
        if CROP_OF.get(field.name, config.augment.crop) == config.augment.crop:
            values[field.name] = getattr(config.augment, field.name)
    augment = AugmentConfig(**values)
    return TrainTransform(image_size(config), augment, _policy(augment, config.mean))


def _policy(augment: AugmentConfig, mean: tuple[float, float, float]) -> Policy | None:
    """What changes an image after crop and flips."""
    if augment.randaugment and augment.policy:
        raise UserError(
            f"data.augment.policy={augment.policy!r} takes the place of randaugment="
            f"{augment.randaugment!r}\nset one of them to None"
        )
    if augment.randaugment:
        return RandAugment.parse(augment.randaugment, mean)
    if augment.policy == "autoaugment":
        return AutoAugment(fill_colour(mean))
    if augment.policy == "3augment":
        return ThreeAugment()
    return AugMix() if augment.policy == "augmix" else None
