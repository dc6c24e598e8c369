"""Handwritten digits: the 1,797 images that scikit-learn carries, so no download is needed."""

import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from effjax.data.builders.images import StoredExamples, image_info

VALIDATION_EXAMPLES = 360


class Digits(tfds.core.GeneratorBasedBuilder):
    """8x8 grey images of the digits 0 to 9: 1,437 to train on, 360 to validate on.

    The test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
    1998). The split is stratified and fixed.
    """

    VERSION = tfds.core.Version("1.0.1")

    def _info(self) -> tfds.core.DatasetInfo:
        return image_info(
            self,
            tuple("0123456789"),
            description="Handwritten digits from scikit-learn.",
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, StoredExamples]:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        train, validation = train_test_split(
            np.arange(len(digits.target)),
            test_size=VALIDATION_EXAMPLES,
            stratify=digits.target,
            random_state=0,
        )
        pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        return {
            "train": self._generate_examples(pixels, digits.target, train),
            "validation": self._generate_examples(pixels, digits.target, validation),
        }

    def _generate_examples(
        self, pixels: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> StoredExamples:
        for row in map(int, rows):
            png = io.BytesIO()
            Image.fromarray(pixels[row]).save(png, format="PNG")
            yield row, {"image": io.BytesIO(png.getvalue()), "label": int(labels[row])}
