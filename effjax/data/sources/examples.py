"""Sources of examples: example i of a split as (encoded bytes or uint8 pixels, label).

Every one is cheap to pickle: files are opened in the process that reads them.

Shapes: N examples, H W the image.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from effjax.data.class_names import UNKNOWN, ClassMatch
from effjax.errors import UserError, printable

SAMPLED = 64  # examples whose bytes count for the identity of a data set

Example = tuple[bytes | np.ndarray, int]  # encoded bytes or uint8 [H, W, 3], and the label


class Examples(Protocol):
    """What the loader needs of a source of examples.

    Attributes:
      class_names: the names of all classes, by label.
    """

    class_names: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Example:
        """Example `row`. What it raises concerns this example alone."""

    def name(self, row: int) -> str:
        """What to call example `row` in a message; safe to print."""

    def labels(self) -> np.ndarray:
        """All labels, int [N]. May read every record; no image is decoded."""

    def keys(self) -> Sequence[str]:
        """A name for each example that does not depend on where the data set lies.

        Empty where examples have only their numbers.
        """

    def stamps(self) -> Sequence[str]:
        """What changes when the content does, such as sizes and times of files."""


class BadExample(UserError):
    """An example that cannot be had; the message is the reason alone, in one line."""


def read_example(examples: Examples, row: int) -> Example:
    """Example `row`, whatever goes wrong there.

    Raises:
      BadExample: a file that is gone, a damaged archive member, a label out of range, ...
    """
    try:
        return examples[row]
    except MemoryError:
        raise
    except Exception as error:
        raise BadExample(reason(error)) from error


def reason(error: Exception) -> str:
    """What went wrong with one file, in one line without its path."""
    if isinstance(error, UserError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    elif isinstance(error, (zipfile.BadZipFile, zlib.error)):
        text = f"damaged in its archive: {error}"
    else:
        text = f"{type(error).__name__}: {error}"
    return printable(text)


def label_of(examples: Examples, row: int) -> int:
    """The label of an example that cannot be read; 0 where the label is lost with it."""
    if len(examples.keys()):
        return int(examples.labels()[row])
    return 0


def identity(examples: Examples) -> dict[str, Any]:
    """What tells a data set from another, as JSON data; wherever it lies.

    The fingerprint covers the order, names and labels of all examples, where they are known without
    reading, and the bytes of some of them, evenly spaced.
    """
    count = len(examples)
    digest = hashlib.blake2b(digest_size=8)
    keys = examples.keys()
    # `len`: the keys may be an array
    if len(keys):
        names = "\n".join(keys)
        labels = np.asarray(examples.labels(), np.int64)
        digest.update(names.encode(errors="surrogateescape"))
        digest.update(labels.tobytes())
    step = max(1, count // SAMPLED)
    for row in range(0, count, step):
        try:
            data, label = read_example(examples, row)
        except BadExample:
            continue  # it is reported where it is used
        digest.update(label.to_bytes(8, "little", signed=True))
        if not isinstance(data, bytes):
            data = np.ascontiguousarray(data)
        digest.update(data)
    return {
        "examples": count,
        "classes": list(examples.class_names),
        "fingerprint": digest.hexdigest(),
    }


class Chosen:
    """Some rows of a source; a source of examples.

    Args:
      examples: all of them.
      rows: int [n], rising.
    """

    def __init__(self, examples: Examples, rows: np.ndarray):
        self.class_names = examples.class_names
        self.examples = examples
        self.rows = rows
        # of a list with several targets an image; a label is a row of the whole list
        self.table = getattr(examples, "table", None)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Example:
        return self.examples[int(self.rows[row])]

    def name(self, row: int) -> str:
        return self.examples.name(int(self.rows[row]))

    def labels(self) -> np.ndarray:
        return np.asarray(self.examples.labels())[self.rows]

    def keys(self) -> Sequence[str]:
        keys = self.examples.keys()
        if not len(keys):
            return ()
        return [keys[row] for row in self.rows]

    def stamps(self) -> Sequence[str]:
        return self.examples.stamps()


class Matched(Chosen):
    """Examples with the labels of a network's classes; those of unknown classes are left out.

    Args:
      examples: of a data set.
      match: how its classes correspond to the network's.
      class_names: of the network.
    """

    def __init__(self, examples: Examples, match: ClassMatch, class_names: Sequence[str]):
        rows = np.arange(len(examples))
        if match.unknown:
            labels = match.mapping[examples.labels()]
            rows = np.flatnonzero(labels != UNKNOWN)
        super().__init__(examples, rows)
        self.class_names = tuple(class_names)
        self._match = match

    def __getitem__(self, row: int) -> Example:
        data, label = super().__getitem__(row)
        return data, int(self._match.mapping[label])

    def labels(self) -> np.ndarray:
        return self._match.mapping[super().labels()]
