"""Well-known sets from files that the user has: `effjax data prepare NAME --manual-dir=DIR`.

Names are those of TFDS, and a set that TFDS itself has prepared serves as well.
"""

import os
from typing import Any

import tensorflow_datasets as tfds

from effjax.data.builders.images import StoredExamples, image_info
from effjax.data.sources.examples import Examples
from effjax.data.sources.open import open_splits
from effjax.data.tools.convert import stored_examples
from effjax.errors import UserError


class LocalBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Copies the images of the user's folder; a subclass says what they must be."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "See effjax.data.builders.local."
    CLASS_NAMES: tuple[str, ...]
    DESCRIPTION: str

    def _info(self) -> tfds.core.DatasetInfo:
        return image_info(self, self.CLASS_NAMES, description=self.DESCRIPTION)

    def _split_generators(self, dl_manager: Any) -> dict[str, StoredExamples]:
        folder = os.fspath(dl_manager.manual_dir)
        sources = open_splits(folder)
        # arrays have no names
        numbers = tuple(str(label) for label in range(len(self.CLASS_NAMES)))
        for source in sources.values():
            if source.class_names not in (self.CLASS_NAMES, numbers):
                raise UserError(
                    f"{folder} has the classes {', '.join(source.class_names)}\n"
                    f"expected those of {self.name}: {', '.join(self.CLASS_NAMES)}"
                )
        return {split: self._generate_examples(source) for split, source in sources.items()}

    def _generate_examples(self, source: Examples) -> StoredExamples:
        yield from stored_examples(source)


class FashionMnist(LocalBuilder, skip_registration=True):
    """Clothes, 28x28 grey (Xiao et al., 2017, arXiv:1708.07747), from the four idx files."""

    name = "fashion_mnist"
    DESCRIPTION = "Fashion-MNIST: 60,000 training and 10,000 test images, 28x28 grey."
    CLASS_NAMES = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


class Cifar10(LocalBuilder, skip_registration=True):
    """32x32 colour images (Krizhevsky, 2009), from train and test folders or zips of images."""

    name = "cifar10"
    DESCRIPTION = "CIFAR-10 from image files: 50,000 training and 10,000 test images, 32x32."
    CLASS_NAMES = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )


class Photos10(LocalBuilder, skip_registration=True):
    """Ten classes of ImageNet photographs, from train and val folders of class folders."""

    name = "photos10"
    DESCRIPTION = "Photographs of ten ImageNet classes."
    CLASS_NAMES = (
        "cassette_player",
        "chain_saw",
        "church",
        "english_springer",
        "french_horn",
        "garbage_truck",
        "gas_pump",
        "golf_ball",
        "parachute",
        "tench",
    )
