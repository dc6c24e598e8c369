"""The data sets that effjax can prepare by itself, as TFDS builders.

A builder writes ArrayRecord files of encoded images (PNG or JPEG bytes), which needs no TensorFlow.
"""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Entry:
    """One data set that can be prepared: where its builder is, what it is, and from what."""

    module: str
    builder: str
    about: str
    files: str | None = None  # what the user must have; None: nothing

    def load(self) -> type:
        """Imports the builder's class, and TFDS with it."""
        return getattr(importlib.import_module(f"effjax.data.builders.{self.module}"), self.builder)


BUILDERS = {
    "digits": Entry("digits", "Digits", "1,797 handwritten digits, 8x8, from scikit-learn"),
    "fashion_mnist": Entry(
        "local", "FashionMnist", "70,000 pictures of clothes, 28x28 grey", "its four idx files"
    ),
    "cifar10": Entry(
        "local", "Cifar10", "60,000 small photographs, 32x32", "train.zip and test.zip of images"
    ),
    "photos10": Entry(
        "local", "Photos10", "photographs of ten ImageNet classes", "a zip of train and val folders"
    ),
}
