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

    def __call__(self, image: np.ndarray) -> np.ndarray:
        h, w = self.size
        height, width = image.shape[:2]
        new_h = math.floor(h / self.crop)
        new_w = math.floor(w / self.crop)
        # the side that must shrink less decides, the other follows
        if new_h * width >= new_w * height:
            new_w = new_h * width // height
        else:
            new_h = new_w * height // width
        image = resize_exact(image, (new_h, new_w), self.interpolation)
        top = round((new_h - h) / 2)
        left = round((new_w - w) / 2)
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
