"""A source of images of the user's own: `data.name=package.module:Class`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax import plugins
from effjax.data.sources.examples import Example, Examples
from effjax.errors import UserError


class ImageSource:
    """Base class of a source of images that lie somewhere that effjax does not read.

    A subclass takes a split's name and `config.data`, sets `class_names`, and says how many
    examples there are and what each is. It is pickled where `data.workers` is set: files are
    opened in the process that reads them.

    Attributes:
      class_names: the names of all classes, by label.
    """

    class_names: tuple[str, ...]

    def __init__(self, split: str, config: Any):
        self.split = split

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, row: int) -> Example:
        """(encoded bytes or uint8 [H, W, 3], label) of example `row`."""
        raise NotImplementedError

    def labels(self) -> np.ndarray:
        """All labels, int [N]; reads every example unless a subclass knows better."""
        return np.array([self[row][1] for row in range(len(self))], np.int32)

    def name(self, row: int) -> str:
        """What to call an example in messages."""
        return f"example {row} of split {self.split!r} of {type(self).__name__}"

    def keys(self) -> Sequence[str]:
        """A name for each example, the same wherever the data lie; () where there is none."""
        return ()

    def stamps(self) -> Sequence[str]:
        """What changes when the content does, such as sizes and times of files."""
        return ()


def open_own(path: str, split: str, config: Any) -> Examples:
    """The source that "package.module:Class" names.

    Raises:
      UserError: there is none, or it does not say which classes it has.
    """
    make = plugins.look_up("data source", path, {}, _is_source, "subclass of ImageSource")
    source = make(split, config)
    if not getattr(source, "class_names", None):
        raise UserError(f"data.name={path}: {type(source).__name__} sets no class_names")
    source.class_names = tuple(source.class_names)
    return source


def _is_source(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, ImageSource)
