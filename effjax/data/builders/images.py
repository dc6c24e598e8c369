"""The form in which every data set of ours is stored: encoded images, labels, class names."""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow_datasets as tfds

# what a builder yields: (number, {"image": encoded bytes, "label": int})
StoredExamples = Iterator[tuple[int, dict[str, Any]]]


def image_info(
    builder: tfds.core.GeneratorBasedBuilder, class_names: tuple[str, ...], **about: Any
) -> tfds.core.DatasetInfo:
    """Features `image` and `label`; examples stay in the order in which they are written.

    Args:
      about: further arguments of `DatasetInfo`, such as description and homepage.
    """
    # the encoding counts only for arrays; we write bytes, which may be of any format
    features = {
        "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
        "label": tfds.features.ClassLabel(names=class_names),
    }
    return tfds.core.DatasetInfo(
        builder=builder,
        features=tfds.features.FeaturesDict(features),
        supervised_keys=("image", "label"),
        disable_shuffling=True,
        **about,
    )


class Images(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set that is made from what it is given, without a class of its own."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        name: str,
        class_names: tuple[str, ...],
        examples: dict[str, Callable[[], StoredExamples]],
        description: str,
        **arguments: Any,
    ):
        """Takes the examples of each split as a function, called when the split is written."""
        self.name = name
        self._class_names = class_names
        self._examples = examples
        self._description = description
        super().__init__(file_format="array_record", **arguments)

    def _info(self) -> tfds.core.DatasetInfo:
        return image_info(self, self._class_names, description=self._description)

    def _split_generators(self, dl_manager: Any) -> dict[str, StoredExamples]:
        return {split: self._generate_examples(split) for split in self._examples}

    def _generate_examples(self, split: str) -> StoredExamples:
        yield from self._examples[split]()
