"""AugMix: the mean of a few chains of operations, mixed with the image itself.

AugMix: Hendrycks et al. 2020, https://arxiv.org/abs/1912.02781. Its consistency loss, which wants
three views of an image in a step, is not part of it.

Shapes: H W the image, C chains.
"""

import dataclasses

import numpy as np
from numpy.random import Generator
from PIL import Image

from effjax.data.images.operations import (
    BASE,
    INCREASING,
    How,
    Operation,
    signed_up_to,
    translate_x,
    translate_y,
)

# none that the benchmarks of corrupted images contain: no contrast, brightness, colour, sharpness
OPERATIONS: tuple[Operation, ...] = (
    BASE["AutoContrast"],
    BASE["Equalize"],
    INCREASING["Posterize"],
    BASE["Rotate"],
    INCREASING["Solarize"],
    BASE["ShearX"],
    BASE["ShearY"],
    Operation(signed_up_to(1 / 3), translate_x),
    Operation(signed_up_to(1 / 3), translate_y),
)
LEAST = 0.1  # of a strength
LONGEST = 3  # operations of a chain
HOW = How(Image.Resampling.BILINEAR, (0, 0, 0))


@dataclasses.dataclass(frozen=True)
class AugMix:
    """(1 - m) * image + m * sum of w_c * chain_c; m is from Beta(1, 1), w from Dirichlet(1)."""

    chains: int = 3  # C
    severity: float = 3.0  # the largest strength, of 10

    def __call__(self, image: np.ndarray, rng: Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> the same shape."""
        weights = rng.dirichlet(np.ones(self.chains)).astype(np.float32)
        share = np.float32(rng.beta(1, 1))
        mixed = np.zeros(image.shape, np.float32)
        for weight in weights:
            mixed += weight * self.chain(image, rng)
        mixed = (1 - share) * image + share * mixed
        return np.rint(mixed).astype(np.uint8)

    def chain(self, image: np.ndarray, rng: Generator) -> np.ndarray:
        """One to LONGEST operations, one after the other."""
        for choice in rng.integers(len(OPERATIONS), size=rng.integers(1, LONGEST + 1)):
            operation = OPERATIONS[choice]
            strength = rng.uniform(LEAST, self.severity)
            image = operation.apply(image, operation.level(strength, rng), HOW)
        return image
