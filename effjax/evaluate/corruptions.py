"""Damage of twelve kinds at five severities, done to uint8 images as they enter the network.

In the spirit of Hendrycks and Dietterich 2019 (https://arxiv.org/abs/1903.12261), with kinds and
strengths of our own: errors are not comparable with published ones on ImageNet-C, and no mCE is
claimed. Lengths are shares of the image's side, so that a severity looks alike at every size.
Draws belong to (kind, severity, example): the same image is always damaged in the same way.

Shapes: H W the image; every image is uint8 [H, W, 3].
"""

import zlib
from collections.abc import Callable

import cv2
import numpy as np

SEVERITIES = (1, 2, 3, 4, 5)
Damage = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def corrupt(image: np.ndarray, kind: str, severity: int, example: int) -> np.ndarray:
    """The image uint8 [H, W, 3], damaged.

    Args:
      kind: one of CORRUPTIONS.
      severity: 1 to 5.
      example: the number of the image, to which the draws belong.
    """
    rng = np.random.default_rng((zlib.crc32(kind.encode()), severity, example))
    damaged = CORRUPTIONS[kind](image, severity - 1, rng)
    return np.clip(np.rint(damaged), 0, 255).astype(np.uint8)


def _gaussian_noise(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    return image + rng.normal(0, (15, 25, 40, 60, 85)[level], image.shape)


def _shot_noise(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    photons = (60, 30, 15, 7, 3.5)[level] / 255
    return rng.poisson(image * photons) / photons


def _impulse_noise(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    hit = rng.random(image.shape) < (0.02, 0.05, 0.1, 0.18, 0.28)[level]
    return np.where(hit, 255 * rng.integers(0, 2, image.shape), image)


def _gaussian_blur(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    sigma = (0.007, 0.012, 0.018, 0.026, 0.038)[level] * max(image.shape[:2])
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(sigma, 0.3))


def _defocus_blur(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    radius = (0.012, 0.02, 0.03, 0.042, 0.06)[level] * max(image.shape[:2])
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(image.astype(np.float32), -1, disc / disc.sum())


def _motion_blur(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    length = (0.03, 0.05, 0.075, 0.11, 0.16)[level] * max(image.shape[:2])
    angle = rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2))
    line = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for t in np.linspace(-length / 2, length / 2, 8 * reach + 1):
        line[round(reach + t * np.sin(angle)), round(reach + t * np.cos(angle))] += 1
    return cv2.filter2D(image.astype(np.float32), -1, line / line.sum())


def _contrast(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    mean = image.mean((0, 1), keepdims=True)
    return mean + (0.6, 0.45, 0.32, 0.2, 0.1)[level] * (image - mean)


def _brightness(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    return image + (25.0, 50.0, 75.0, 105.0, 140.0)[level]


def _darkness(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    return image * (0.7, 0.5, 0.35, 0.22, 0.12)[level]


def _saturation(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    grey = image @ np.array([0.299, 0.587, 0.114])
    return grey[..., None] + (0.6, 0.3, 0.0, 2.5, 5.0)[level] * (image - grey[..., None])


def _jpeg(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    quality = (30, 20, 13, 8, 4)[level]
    _, coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


def _pixelate(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    share = (0.55, 0.42, 0.32, 0.24, 0.17)[level]
    small = max(1, round(share * width)), max(1, round(share * height))
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


CORRUPTIONS: dict[str, Damage] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "defocus_blur": _defocus_blur,
    "motion_blur": _motion_blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "darkness": _darkness,
    "saturation": _saturation,
    "jpeg": _jpeg,
    "pixelate": _pixelate,
}
