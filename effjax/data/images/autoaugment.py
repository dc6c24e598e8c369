"""AutoAugment's policy for ImageNet: one of 25 pairs of operations that a search has found.

Cubuk et al. 2019, https://arxiv.org/abs/1805.09501, table 9.

Shapes: H W the image.
"""

import dataclasses

import numpy as np
from numpy.random import Generator
from PIL import Image

from effjax.data.images.operations import BASE, FULL, How, Operation, posterize

RESAMPLING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)  # one is drawn

Step = tuple[str, float, int]  # operation, probability, strength of 0 to 10
PAIRS: tuple[tuple[Step, Step], ...] = (
    (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 5)),
    (("Equalize", 0.8, 8), ("Equalize", 0.6, 3)),
    (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
    (("Equalize", 0.4, 7), ("Solarize", 0.2, 4)),
    (("Equalize", 0.4, 4), ("Rotate", 0.8, 8)),
    (("Solarize", 0.6, 3), ("Equalize", 0.6, 7)),
    (("Posterize", 0.8, 5), ("Equalize", 1.0, 2)),
    (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
    (("Equalize", 0.6, 8), ("Posterize", 0.4, 6)),
    (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
    (("Rotate", 0.4, 9), ("Equalize", 0.6, 2)),
    (("Equalize", 0.0, 7), ("Equalize", 0.8, 8)),
    (("Invert", 0.6, 4), ("Equalize", 1.0, 8)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
    (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
    (("Sharpness", 0.4, 7), ("Invert", 0.6, 8)),
    (("ShearX", 0.6, 5), ("Equalize", 1.0, 9)),
    (("Color", 0.4, 0), ("Equalize", 0.6, 3)),
    # the paper's table repeats these five
    (("Equalize", 0.4, 7), ("Solarize", 0.2, 4)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 5)),
    (("Invert", 0.6, 4), ("Equalize", 1.0, 8)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Equalize", 0.8, 8), ("Equalize", 0.6, 3)),
)


def kept_bits(strength: float, rng: Generator) -> float:
    """4 to 8 bits: the search's range, where RandAugment goes down to none."""
    return 4 + int(4 * strength / FULL)


OPERATIONS = BASE | {"Posterize": Operation(kept_bits, posterize)}


@dataclasses.dataclass(frozen=True)
class AutoAugment:
    """One of PAIRS, its operations one after the other, each with its own probability."""

    fill: tuple[int, int, int] = (128, 128, 128)  # the colour that moves in from outside

    def __call__(self, image: np.ndarray, rng: Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> the same shape."""
        pair = PAIRS[rng.integers(len(PAIRS))]
        for name, prob, strength in pair:
            if rng.random() >= prob:
                continue
            operation = OPERATIONS[name]
            how = How(RESAMPLING[rng.integers(2)], self.fill)
            image = operation.apply(image, operation.level(strength, rng), how)
        return image
