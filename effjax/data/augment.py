"""Host-side image transforms on uint8 pixels.

Shapes: H W height and width of the source, h w of the output; every image is uint8 [., ., 3].
Random draws come from the generator that is passed in, which belongs to one example of one step.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from effjax.data.config import AugmentConfig
from effjax.data.randaugment import RandAugment, color_jitter
from effjax.errors import UserError


def resize(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resizes to (h, w) quickly, for training: "bilinear" or "bicubic", "area" to half or less."""
    import cv2

    height, width = size
    methods = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    if 4 * height * width <= image.shape[0] * image.shape[1]:
        interpolation = "area"  # the other two would skip pixels
    return cv2.resize(image, (width, height), interpolation=methods[interpolation])


def resize_exact(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resizes to (h, w) as Pillow does, antialiased: what published scores rest on."""
    from PIL import Image

    height, width = size
    method = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    return np.asarray(Image.fromarray(image).resize((width, height), method[interpolation]))


def random_box(
    rng: np.random.Generator,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """A box (top, left, height, width) inside `size`, as in "Going deeper with convolutions".

    The area is uniform in `scale` times the image, width / height log-uniform in `ratio`. After ten
    boxes that do not fit: the largest centred box whose ratio is in the range.
    """
    height, width = size
    for _ in range(10):
        area = height * width * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
            return int(top), int(left), h, w
    h, w = min(height, round(width / ratio[0])), min(width, round(height * ratio[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def pad_crop(rng: np.random.Generator, image: np.ndarray, pad: int) -> np.ndarray:
    """A window of the image's own size from the image with a black border of `pad` pixels."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    top, left = rng.integers(2 * pad + 1, size=2)
    return padded[top : top + height, left : left + width]


def flip(image: np.ndarray, left_right: bool, upside_down: bool) -> np.ndarray:
    """A flipped copy; numpy's own views would be copied pixel by pixel, many times as slowly."""
    import cv2

    if not left_right and not upside_down:
        return image
    return cv2.flip(image, -1 if left_right and upside_down else int(left_right))


@dataclasses.dataclass(frozen=True)
class TrainTransform:
    """Any image -> one random uint8 view of `size`."""

    size: tuple[int, int]
    augment: AugmentConfig
    randaugment: RandAugment | None

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        a = self.augment
        if a.crop == "random_resized":
            top, left, h, w = random_box(rng, image.shape[:2], a.scale, a.ratio)
            image = image[top : top + h, left : left + w]
        either = ("bilinear", "bicubic")[rng.integers(2)]
        image = resize(image, self.size, either if a.interpolation == "random" else a.interpolation)
        if a.crop == "pad":
            image = pad_crop(rng, image, a.pad)
        image = flip(image, rng.random() < a.hflip, rng.random() < a.vflip)
        if self.randaugment:
            image = self.randaugment(image, rng)
        if a.color_jitter:
            image = color_jitter(image, a.color_jitter, rng)
        return image

    @property
    def enough(self) -> tuple[int, int]:
        """The size of a whole image from which even the smallest crop has all its pixels."""
        share = math.sqrt(self.augment.scale[0]) if self.augment.crop == "random_resized" else 1.0
        height, width = self.size
        return math.ceil(height / share), math.ceil(width / share)


@dataclasses.dataclass(frozen=True)
class EvalTransform:
    """Any image -> the centre crop that evaluation uses, uint8 of `size`.

    As timm's: the shorter side to floor(size / crop), Pillow's antialiased filter, centre crop.
    """

    size: tuple[int, int]
    crop: float
    interpolation: str

    def __call__(self, image: np.ndarray) -> np.ndarray:
        (h, w), (height, width) = self.size, image.shape[:2]
        full_h, full_w = math.floor(h / self.crop), math.floor(w / self.crop)
        if full_h * width >= full_w * height:
            resized = full_h, full_h * width // height
        else:
            resized = full_w * height // width, full_w
        image = resize_exact(image, resized, self.interpolation)
        top, left = round((resized[0] - h) / 2), round((resized[1] - w) / 2)
        return image[top : top + h, left : left + w]


def train_transform(config: Any) -> TrainTransform:
    """What `config.augment` (see `AugmentConfig`) describes, for `config.image_size`.

    Raises:
      UserError: `randaugment` has unknown words.
    """
    names = [field.name for field in dataclasses.fields(AugmentConfig)]
    augment = AugmentConfig(**{name: getattr(config.augment, name) for name in names})
    words = augment.randaugment
    randaugment = RandAugment.parse(words, config.mean) if words else None
    return TrainTransform(image_size(config), augment, randaugment)


def eval_transform(config: Any) -> EvalTransform:
    """The deterministic transform that `config.eval_*` describe, for `config.image_size`.

    Raises:
      UserError: a setting is out of range.
    """
    if not 0 < config.eval_crop <= 1:
        raise UserError(f"data.eval_crop={config.eval_crop}: expected a share, above 0 and up to 1")
    return EvalTransform(image_size(config), config.eval_crop, config.eval_interpolation)


def image_size(config: Any) -> tuple[int, int]:
    """(h, w) from `config.image_size`, one number or two."""
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)
