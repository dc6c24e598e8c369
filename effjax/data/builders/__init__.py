"""The data sets that effjax can prepare by itself, as TFDS builders.

A builder writes ArrayRecord files of encoded images (PNG or JPEG bytes), which needs no TensorFlow.
"""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Entry:
    """One data set that can be prepared: the builder's module and class, and what it is."""

    module: str
    cls: str
    about: str

    def load(self) -> type:
        """Imports the builder's class, and TFDS with it."""
        return getattr(importlib.import_module(self.module), self.cls)


BUILDERS = {
    "digits": Entry(
        "effjax.data.builders.digits", "Digits", "1,797 handwritten digits, 8x8, from scikit-learn"
    ),
}
