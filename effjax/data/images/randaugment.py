"""RandAugment with timm's words and meanings (Cubuk et al., 2019, arXiv:1909.13719).

Two operations drawn from fifteen, each applied with probability one half, at a strength of 0 to 10.

Shapes: H W the image.
"""

import dataclasses
import re

import numpy as np
from PIL import Image

from effjax.data.images.operations import (
    BASE,
    INCREASING,
    How,
    brightness,
    color,
    contrast,
)
from effjax.errors import UserError

# the words of a recipe; the longer ones first, as "m" starts two of them
WORDS = {
    "mstd": "noise",
    "mmax": "highest",
    "inc": "increasing",
    "m": "magnitude",
    "n": "layers",
    "p": "prob",
}
WORD = re.compile(rf"({'|'.join(WORDS)})(\d+\.?\d*|\.\d+)")
RESAMPLING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)  # one is drawn
UNIFORM_NOISE = 100  # "mstd101": from here on the magnitude is uniform up to m


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """`layers` random operations on a uint8 image; see `parse` for the words that configure it."""

    magnitude: float = 10.0
    layers: int = 2
    noise: float = 0.0  # standard deviation of the magnitude; infinite: uniform up to it
    highest: float = 10.0  # the magnitude is clipped to [0, highest]
    prob: float = 0.5  # of each operation
    increasing: bool = False
    fill: tuple[int, int, int] = (128, 128, 128)  # the colour that moves in from outside

    @classmethod
    def parse(cls, text: str, mean: tuple[float, float, float]) -> "RandAugment":
        """From "rand-m9-mstd0.5-inc1": m magnitude, n layers, mstd noise, mmax, inc, p probability.

        Raises:
          UserError: a word is unknown, or a number cannot be.
        """
        kind, *words = text.split("-")
        found = [WORD.fullmatch(word) for word in words]
        is_known = kind == "rand" and None not in found
        if not is_known:
            raise UserError(
                f"data.augment.randaugment={text!r}: expected words such as "
                "'rand-m9-mstd0.5-inc1'\nwith m, n, mstd, mmax, inc or p, each followed by a number"
            )
        values = {}
        for match in found:
            word, number = match.groups()
            values[WORDS[word]] = float(number)
        values["layers"] = int(values.get("layers", 2))
        values["increasing"] = bool(values.get("increasing", 0))
        if values.get("noise", 0) > UNIFORM_NOISE:
            values["noise"] = float("inf")
        if values.get("prob", 0) > 1:
            raise UserError(f"data.augment.randaugment={text!r}: p is a probability, 0 to 1")
        return cls(**values, fill=fill_colour(mean))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> the same shape."""
        named = INCREASING if self.increasing else BASE
        operations = list(named.values())
        # the order of the draws is part of the result
        for choice in rng.integers(len(operations), size=self.layers):
            if rng.random() >= self.prob:
                continue
            level, apply = operations[choice]
            how = How(RESAMPLING[rng.integers(2)], self.fill)
            strength = self.strength(rng)
            image = apply(image, level(strength, rng), how)
        return image

    def strength(self, rng: np.random.Generator) -> float:
        """The magnitude of one operation, with its noise, clipped."""
        if self.noise == float("inf"):
            drawn = rng.uniform(0, self.magnitude)
        else:
            drawn = rng.normal(self.magnitude, self.noise)
        positive = max(drawn, 0.0)
        return min(positive, self.highest)


def fill_colour(mean: tuple[float, float, float]) -> tuple[int, int, int]:
    """The mean colour of the images in levels: what moves in from outside is 0 to the network."""
    red, green, blue = (min(255, round(255 * channel)) for channel in mean)
    return red, green, blue


def color_jitter(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast and saturation, each by a factor within 1 +- amount, in random order."""
    kinds = (brightness, contrast, color)
    how = How(RESAMPLING[0], (0, 0, 0))  # no pixel moves
    # a factor below zero would turn an image into its negative
    lowest = max(0.0, 1 - amount)
    highest = 1 + amount
    for choice in rng.permutation(3):
        factor = rng.uniform(lowest, highest)
        image = kinds[choice](image, factor, how)
    return image
