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

Array = np.ndarray
Rng = np.random.Generator
SEVERITIES = (1, 2, 3, 4, 5)
# (image [H, W, 3], strength, random numbers) -> image of any number type, not yet clipped
Damage = Callable[[Array, float, Rng], Array]
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in the luminance
CORRUPTIONS: dict[str, Damage] = {}
STRENGTHS: dict[str, tuple[float, ...]] = {}  # of severity 1 to 5


def corrupt(image: Array, kind: str, severity: int, example: int) -> Array:
    """The image uint8 [H, W, 3], damaged.

    Args:
      kind: one of CORRUPTIONS.
      severity: 1 to 5.
      example: the number of the image, to which the draws belong.
    """
    # `hash` would draw otherwise in each process
    kind_number = zlib.crc32(kind.encode())
    rng = np.random.default_rng((kind_number, severity, example))
    strength = STRENGTHS[kind][severity - 1]
    damage = CORRUPTIONS[kind]
    damaged = damage(image, strength, rng)
    levels = np.clip(np.rint(damaged), 0, 255)
    return levels.astype(np.uint8)


def _damage(*strengths: float) -> Callable[[Damage], Damage]:
    """Registers a kind of damage under its function's name, with its five strengths."""

    def register(function: Damage) -> Damage:
        name = function.__name__.removeprefix("_")
        CORRUPTIONS[name] = function
        STRENGTHS[name] = strengths
        return function

    return register


def _side(image: Array) -> int:
    return max(image.shape[:2])


@_damage(15, 25, 40, 60, 85)
def _gaussian_noise(image: Array, deviation: float, rng: Rng) -> Array:
    noise = rng.normal(0, deviation, image.shape)
    return image + noise


@_damage(60, 30, 15, 7, 3.5)
def _shot_noise(image: Array, photons: float, rng: Rng) -> Array:
    per_level = photons / 255  # the expected photons of a pixel, a grey level
    counts = rng.poisson(image * per_level)
    return counts / per_level


@_damage(0.02, 0.05, 0.1, 0.18, 0.28)
def _impulse_noise(image: Array, share: float, rng: Rng) -> Array:
    hit = rng.random(image.shape) < share
    black_or_white = 255 * rng.integers(0, 2, image.shape)
    return np.where(hit, black_or_white, image)


@_damage(0.007, 0.012, 0.018, 0.026, 0.038)
def _gaussian_blur(image: Array, share: float, rng: Rng) -> Array:
    sigma = share * _side(image)
    sigma = max(sigma, 0.3)  # OpenCV refuses 0, and a narrower one hardly changes a pixel
    pixels = image.astype(np.float32)
    size_from_sigma = (0, 0)
    return cv2.GaussianBlur(pixels, size_from_sigma, sigma)


@_damage(0.012, 0.02, 0.03, 0.042, 0.06)
def _defocus_blur(image: Array, share: float, rng: Rng) -> Array:
    radius = share * _side(image)
    reach = int(np.ceil(radius))
    offsets = np.arange(-reach, reach + 1)
    distance = np.hypot(offsets, offsets[:, None])
    # the edge of the disc falls from 1 to 0 over one pixel
    disc = np.clip(radius + 0.5 - distance, 0, 1)
    return _filter(image, disc)


@_damage(0.03, 0.05, 0.075, 0.11, 0.16)
def _motion_blur(image: Array, share: float, rng: Rng) -> Array:
    length = share * _side(image)
    angle = rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2))
    side = 2 * reach + 1
    line = np.zeros((side, side))
    # four points a pixel or more: a slanted line has no gaps and even weights
    points = np.linspace(-length / 2, length / 2, 8 * reach + 1)
    rows = reach + points * np.sin(angle)
    columns = reach + points * np.cos(angle)
    for row, column in zip(rows, columns):
        line[round(row), round(column)] += 1
    return _filter(image, line)


def _filter(image: Array, kernel: Array) -> Array:
    """The image convolved with a kernel that is scaled to a sum of 1."""
    kernel = kernel.astype(np.float32)
    kernel = kernel / kernel.sum()
    pixels = image.astype(np.float32)
    same_type = -1
    return cv2.filter2D(pixels, same_type, kernel)


@_damage(0.6, 0.45, 0.32, 0.2, 0.1)
def _contrast(image: Array, kept: float, rng: Rng) -> Array:
    mean = image.mean((0, 1), keepdims=True)
    return mean + kept * (image - mean)


@_damage(25.0, 50.0, 75.0, 105.0, 140.0)
def _brightness(image: Array, added: float, rng: Rng) -> Array:
    return image + added


@_damage(0.7, 0.5, 0.35, 0.22, 0.12)
def _darkness(image: Array, kept: float, rng: Rng) -> Array:
    return image * kept


@_damage(0.6, 0.3, 0.0, 2.5, 5.0)
def _saturation(image: Array, factor: float, rng: Rng) -> Array:
    luminance = image @ np.array(GREY)
    grey = luminance[..., None]
    return grey + factor * (image - grey)


@_damage(30, 20, 13, 8, 4)
def _jpeg(image: Array, quality: float, rng: Rng) -> Array:
    bgr = image[..., ::-1]  # OpenCV's order of channels
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, coded = cv2.imencode(".jpg", bgr, settings)
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return decoded[..., ::-1]


@_damage(0.55, 0.42, 0.32, 0.24, 0.17)
def _pixelate(image: Array, share: float, rng: Rng) -> Array:
    height, width = image.shape[:2]
    coarse_width = max(1, round(share * width))
    coarse_height = max(1, round(share * height))
    # OpenCV's order of sizes: width first
    small = cv2.resize(
        image,
        (coarse_width, coarse_height),
        interpolation=cv2.INTER_AREA,
    )
    return cv2.resize(
        small,
        (width, height),
        interpolation=cv2.INTER_NEAREST,
    )
