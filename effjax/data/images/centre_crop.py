"""The deterministic transform of evaluation: resize, then the centre.

Shapes: H W the output; every image is uint8 [., ., 3].
"""

import dataclasses
import math
from typing import Any

import numpy as np

from effjax.data.images.resize import image_size, resize_exact
from effjax.errors import UserError


@dataclasses.dataclass(frozen=True)
class EvalTransform:
    """Any image -> the centre crop that evaluation uses, uint8 of `size`.

    As timm's: the shorter side to floor(size / crop), Pillow's antialiased filter, centre crop.
    """

    size: tuple[int, int]
    crop: float
    interpolation: str

    @property
    def choices(self) -> int:
        """How many ways there are to resize an image; one of them is drawn in training."""
        return 1

    def whole(self, image: np.ndarray, choice: int, out: np.ndarray) -> None:
        """The view of an image into `out`; there is one choice."""
        out[...] = self(image)

    @property
    def resized(self) -> tuple[int, int]:
        """(height, width) that a resized image has at least, one of them exactly."""
        height, width = self.size
        return math.floor(height / self.crop), math.floor(width / self.crop)

    def geometry(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of an image of `height` x `width`: (its size when resized, top and left of the crop)."""
        h, w = self.size
        new_h, new_w = self.resized
        # the side that must shrink less decides, the other follows
        if new_h * width >= new_w * height:
            new_w = new_h * width // height
        else:
            new_h = new_w * height // width
        top = round((new_h - h) / 2)
        left = round((new_w - w) / 2)
        return (new_h, new_w), (top, left)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        h, w = self.size
        new_size, (top, left) = self.geometry(*image.shape[:2])
        image = resize_exact(image, new_size, self.interpolation)
        return image[top : top + h, left : left + w]


def eval_transform(config: Any) -> EvalTransform:
    """The deterministic transform that `config.eval_*` describe.

    Raises:
      UserError: a setting is out of range.
    """
    if not 0 < config.eval_crop <= 1:
        raise UserError(f"data.eval_crop={config.eval_crop}: expected a share, above 0 and up to 1")
    return EvalTransform(
        size=image_size(config, train=False),
        crop=config.eval_crop,
        interpolation=config.eval_interpolation,
    )
