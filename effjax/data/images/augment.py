"""Host-side image transforms on uint8 pixels.

Shapes: B examples, H W the output; every image is uint8 [., ., 3]. Random draws belong to an
example of a step: rows of uniform numbers for what all examples need, and a generator of its own
for what takes now more of them, now fewer.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from effjax.data.config import AugmentConfig
from effjax.data.images.randaugment import RandAugment, color_jitter
from effjax.errors import UserError


def resize(
    image: np.ndarray, size: tuple[int, int], interpolation: str, out: np.ndarray | None = None
) -> np.ndarray:
    """Resizes to (h, w) quickly, for training: "bilinear" or "bicubic".

    First by means of 2x2 pixels, as long as both sides stay long enough; what is then still four
    times as large in area as it is to be, by means as well. The result is `out`, if one is given.
    """
    import cv2

    height, width = size
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        h, w = image.shape[0] // 2, image.shape[1] // 2  # means of whole pixels take a tenth
        image = cv2.resize(image[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA)
    methods = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    if 4 * height * width <= image.shape[0] * image.shape[1]:
        interpolation = "area"  # the other two would skip pixels
    return cv2.resize(image, (width, height), dst=out, interpolation=methods[interpolation])


def resize_exact(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resizes to (h, w) as Pillow does, antialiased: what published scores rest on."""
    from PIL import Image

    height, width = size
    method = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    return np.asarray(Image.fromarray(image).resize((width, height), method[interpolation]))


TRIES = 10  # boxes that are drawn until one fits
BOX = 2 * TRIES + 2  # uniform numbers for a random box


def random_box(
    uniform: Sequence[float],
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """A box (top, left, height, width) inside `size`, as in "Going deeper with convolutions".

    The area is uniform in `scale` times the image, width / height log-uniform in `ratio`. After ten
    boxes that do not fit: the largest centred box whose ratio is in the range.

    Args:
      uniform: BOX numbers in [0, 1): area and ratio for each try, then the place.
    """
    height, width = size
    narrow, wide = math.log(ratio[0]), math.log(ratio[1])
    for k in range(0, 2 * TRIES, 2):
        area = height * width * (scale[0] + (scale[1] - scale[0]) * uniform[k])
        aspect = math.exp(narrow + (wide - narrow) * uniform[k + 1])
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            y, x = uniform[2 * TRIES :]
            return int(y * (height - h + 1)), int(x * (width - w + 1)), h, w
    h, w = min(height, round(width / ratio[0])), min(width, round(height * ratio[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def pad_crop(images: np.ndarray, top: np.ndarray, left: np.ndarray, pad: int) -> np.ndarray:
    """From each image with a black border of `pad` pixels a window of the image's own size.

    Args:
      images: [B, H, W, 3].
      top, left: [B] int, 0 to 2 * pad.
    """
    shape = images.shape[1:]
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape, axis=(1, 2, 3))
    return windows[np.arange(len(images)), top, left, 0]


def flip(images: np.ndarray, left_right: np.ndarray, upside_down: np.ndarray) -> np.ndarray:
    """Flips in place those of [B, H, W, 3] that the two [B] bool choose."""
    import cv2

    for row in np.flatnonzero(left_right):  # numpy would turn pixel by pixel, far more slowly
        cv2.flip(images[row], 1, dst=images[row])
    images[upside_down] = images[upside_down, ::-1]
    return images


class Draws(NamedTuple):
    """What is drawn for each of B examples, whatever the images are; [B] each."""

    choice: np.ndarray  # int: which of `interpolations`
    top: np.ndarray  # int, 0 to 2 * pad: the window of `pad_crop`
    left: np.ndarray
    left_right: np.ndarray  # bool: flips
    upside_down: np.ndarray


DRAWN = len(Draws._fields)


@dataclasses.dataclass(frozen=True)
class TrainTransform:
    """Images -> random uint8 views of `size`: of each a `box` or all, by `whole`, then `finish`."""

    size: tuple[int, int]
    augment: AugmentConfig
    randaugment: RandAugment | None

    def draws(self, uniform: np.ndarray) -> Draws:
        """From uniform numbers [B, DRAWN] in [0, 1)."""
        which, y, x, horizontal, vertical = uniform.T
        a = self.augment
        choice = (which * len(self.interpolations)).astype(int)
        top, left = ((place * (2 * a.pad + 1)).astype(int) for place in (y, x))
        return Draws(choice, top, left, horizontal < a.hflip, vertical < a.vflip)

    @property
    def interpolations(self) -> tuple[str, ...]:
        """The ways to resize among which one is drawn."""
        one = self.augment.interpolation
        return ("bilinear", "bicubic") if one == "random" else (one,)

    @property
    def boxes(self) -> bool:
        """Whether a random box of the image is taken; else `whole` images are kept as they are."""
        return self.augment.crop == "random_resized"

    def whole(self, image: np.ndarray, choice: int, out: np.ndarray) -> None:
        """Resizes all of an image [., ., 3] into `out` [H, W, 3]: nothing random but the choice."""
        resize(image, self.size, self.interpolations[choice], out)

    def box(self, uniform: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
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
        a = self.augment
        if a.crop == "pad":
            images = pad_crop(images, draws.top, draws.left, a.pad)
        images = flip(images, draws.left_right, draws.upside_down)
        if self.randaugment or a.color_jitter:
            for row, image in enumerate(images):
                own = rng(row)
                view = self.randaugment(image, own) if self.randaugment else image
                view = color_jitter(view, a.color_jitter, own) if a.color_jitter else view
                images[row] = view
        return images

    @property
    def enough(self) -> tuple[int, int]:
        """The size of a whole image from which even the smallest crop has all its pixels."""
        share = math.sqrt(self.augment.scale[0]) if self.boxes else 1.0
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

    def whole(self, image: np.ndarray, choice: int, out: np.ndarray) -> None:
        """The view of an image into `out`; there is one choice."""
        out[...] = self(image)

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
    """The deterministic transform that `config.eval_*` describe.

    Raises:
      UserError: a setting is out of range.
    """
    if not 0 < config.eval_crop <= 1:
        raise UserError(f"data.eval_crop={config.eval_crop}: expected a share, above 0 and up to 1")
    return EvalTransform(image_size(config, False), config.eval_crop, config.eval_interpolation)


def image_size(config: Any, train: bool = True) -> tuple[int, int]:
    """(h, w) from `config.image_size`, one number or two; in evaluation from `config.eval_size`."""
    size = config.image_size if train else config.eval_size or config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)
