"""3-Augment: grey, solarized or blurred, one of the three for each image.

DeiT III: Touvron et al. 2022, https://arxiv.org/abs/2204.07118. The paper adds a colour jitter of
0.3 to it, `config.data.augment.color_jitter`.

Shapes: H W the image.
"""

import dataclasses

import numpy as np

from effjax.data.images.colours import blur, solarize, to_grey

REFERENCE = 224
# of the blur, in pixels of an image of REFERENCE; smaller ones are blurred less
SIGMAS = (0.1, 2.0)


@dataclasses.dataclass(frozen=True)
class ThreeAugment:
    """Each of the three with the same probability; no image stays as it is."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> the same shape."""
        choice = rng.integers(3)
        if choice == 0:
            return to_grey(image)
        if choice == 1:
            return solarize(image)
        sigma = rng.uniform(*SIGMAS) * min(image.shape[:2]) / REFERENCE
        return blur(image, sigma)
