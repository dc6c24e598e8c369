"""Images whose classes a chain of two 3x3 convolutions tells apart: a planted task for searches.

effjax train --config=F --config.data.name=benchmarks.planted_chain:PlantedChain
"""

import numpy as np

from effjax.data import ImageSource

SIDE = 8
CLASSES = 4
HIDDEN = 8
LENGTHS = {"train": 2048, "validation": 512}


class PlantedChain(ImageSource):
    """Noise of 8x8 pixels, labelled by a fixed random network: convolution, ReLU, convolution.

    The label is the class whose map is largest on average, each class equally often by its median.
    """

    class_names = tuple(f"chain_{number}" for number in range(CLASSES))

    def __len__(self) -> int:
        return LENGTHS[self.split]

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng((self.split == "train", row))
        image = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        return image, int(np.argmax(scores(image)))


def scores(image: np.ndarray) -> np.ndarray:
    """How much of each class is in an image [8, 8, 3]."""
    x = (image / 255 - 0.5) * np.sqrt(12)  # variance 1
    hidden = np.maximum(convolve(x, FIRST), 0)
    maps = np.maximum(convolve(hidden, SECOND), 0)
    return maps.mean((0, 1)) / SCALES


def convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """[H, W, O] of [H, W, I] and [3, 3, I, O], without a border."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))  # [h, w, I, 3, 3]
    return np.einsum("hwijk,jkio->hwo", windows, kernel)


_rng = np.random.default_rng(0)
FIRST = _rng.standard_normal((3, 3, 3, HIDDEN)) / np.sqrt(27)
SECOND = _rng.standard_normal((3, 3, HIDDEN, CLASSES)) / np.sqrt(9 * HIDDEN)
SCALES = np.ones(CLASSES)
# so that no class is larger than the others by itself
SCALES = np.mean(
    [scores(_rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(500)], axis=0
)
