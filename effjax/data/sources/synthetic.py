"""Images that are made from numbers, for tests and for timing."""

import zlib
from collections.abc import Sequence

import numpy as np


class Synthetic:
    """Smooth random images, each class around a picture of its own; the same in every run."""

    def __init__(self, size: tuple[int, int], classes: int, examples: int, split: str):
        self.size = size
        self.examples = examples
        # the same for a split in every process, which `hash` is not
        self.stream = zlib.crc32(split.encode())
        self.class_names = tuple(f"class_{k}" for k in range(classes))

    def __len__(self) -> int:
        return self.examples

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        import cv2

        label = row % len(self.class_names)
        of_class = np.random.default_rng((0, label))
        of_row = np.random.default_rng((self.stream, row))
        # a few large patches and more small ones; together they stay between 0 and 255
        picture = of_class.uniform(64, 191, (4, 4, 3))
        noise = of_row.uniform(-64, 64, (8, 8, 3))
        height, width = self.size
        smooth = cv2.resize(picture, (width, height))
        smooth += cv2.resize(noise, (width, height))
        pixels = np.rint(smooth)
        return pixels.astype(np.uint8), label

    def name(self, row: int) -> str:
        return f"synthetic image {row}"

    def labels(self) -> np.ndarray:
        rows = np.arange(self.examples)
        return rows % len(self.class_names)

    def keys(self) -> Sequence[str]:
        return ()

    def stamps(self) -> Sequence[str]:
        return ()
