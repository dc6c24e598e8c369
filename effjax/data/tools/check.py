"""`effjax data check`: what is in a data set, and what is wrong with it."""

import collections
import dataclasses
import functools
import hashlib
import math

import numpy as np

from effjax.data.images.decode import decode
from effjax.data.images.jpeg import jpeg_damage, jpeg_size
from effjax.data.sources.class_folders import describe_ignored
from effjax.data.sources.examples import BadExample, Examples, label_of, read_example
from effjax.data.sources.open import open_splits
from effjax.data.threads import map_rows
from effjax.data.tools.contradictions import Example as Labelled
from effjax.data.tools.contradictions import contradicting, describe
from effjax.errors import UserError, printable

LISTED = 20  # broken files and duplicates that the text names
LARGE = 2048  # a side of a JPEG above which it is measured at a smaller scale
STRIP = 256  # rows of an image that are counted at once


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes:
      counts: {split: {class name: number of examples}}.
      broken: (name, reason) of every image that cannot be read or decoded.
      damaged: (name, the decoder's warning) of every JPEG that is read in spite of damage.
      duplicates: names of examples with the very same bytes, the groups in order.
      contradictions: (name, class) of those that are in several classes, the groups in order.
      ignored: {reason: names} of files that are not taken.
      sizes: (height, width): number of images.
      mean, std: of the training pixels, per channel, scaled to 0..1. Large JPEGs are measured at a
        smaller scale, so their finest detail is missing from `std`.
    """

    counts: dict[str, dict[str, int]]
    broken: list[tuple[str, str]]
    damaged: list[tuple[str, str]]
    duplicates: list[tuple[str, ...]]
    ignored: dict[str, list[str]]
    sizes: dict[tuple[int, int], int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    contradictions: list[tuple[Labelled, ...]] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        lines = [_count_line(split, counts) for split, counts in self.counts.items()]
        for split, counts in self.counts.items():
            empty = [printable(name) for name, count in counts.items() if count == 0]
            if empty:
                lines.append(f"{split} has no images of: {', '.join(empty)}")
        if self.sizes:
            # height and width apart: the smallest of both may be of two images
            heights, widths = zip(*self.sizes)
            smallest = f"{min(heights)}x{min(widths)}"
            largest = f"{max(heights)}x{max(widths)}"
            lines.append(f"size: {smallest} to {largest}")
            mean = _triple(self.mean)
            std = _triple(self.std)
            lines.append(f"mean: {mean}  std: {std}  (training pixels)")
        lines.append(f"cannot be decoded: {len(self.broken)}")
        lines += _reason_lines(self.broken)
        if self.damaged:
            lines.append(f"damaged, but read: {len(self.damaged)}")
            lines += _reason_lines(self.damaged)
        lines.append(f"same bytes: {len(self.duplicates)} groups")
        for names in self.duplicates[:LISTED]:
            same = " = ".join(names)
            lines.append(f"  {same}")
        lines += describe(self.contradictions)
        lines += describe_ignored(self.ignored)
        return "\n".join(lines)


def _reason_lines(images: list[tuple[str, str]]) -> list[str]:
    return [f"  {name}: {reason}" for name, reason in images[:LISTED]]


def _count_line(split: str, counts: dict[str, int]) -> str:
    """ "train: 12 images, 2 classes of 5 (cat) to 7 (dog)"."""
    ordered = sorted(counts.items(), key=lambda item: item[1])
    fewest, low = ordered[0]
    most, high = ordered[-1]
    images = sum(counts.values())
    return (
        f"{split}: {images} images, {len(counts)} classes "
        f"of {low} ({printable(fewest)}) to {high} ({printable(most)})"
    )


def _triple(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


@dataclasses.dataclass(frozen=True)
class Look:
    """What was found in one image.

    Attributes:
      digest: of its bytes; None: they cannot be read.
      reason: why it cannot be read or decoded.
      damage: what the decoder warns of.
      size: (height, width).
      moments: [2, 3], means of the pixels and of their squares, scaled to 0..1.
    """

    label: int
    digest: bytes | None = None
    reason: str | None = None
    damage: str | None = None
    size: tuple[int, int] | None = None
    moments: np.ndarray | None = None


def look(source: Examples, row: int) -> Look:
    """Decodes one example and measures it."""
    try:
        data, label = read_example(source, row)
    except BadExample as error:
        return Look(label_of(source, row), reason=str(error))
    if not isinstance(data, bytes):
        data = np.ascontiguousarray(data)
        digest = hashlib.sha256(data).digest()
        return Look(label, digest, size=data.shape[:2], moments=measure(data))
    digest = hashlib.sha256(data).digest()
    try:
        pixels = decode(data, enough=(LARGE, LARGE))
    except UserError as error:
        return Look(label, digest, reason=str(error))
    # a large JPEG is decoded smaller, but is listed with its own size
    size = jpeg_size(data) or pixels.shape[:2]
    return Look(
        label,
        digest,
        damage=jpeg_damage(data),
        size=size,
        moments=measure(pixels),
    )


def measure(pixels: np.ndarray) -> np.ndarray:
    """[2, 3]: means of the pixels uint8 [H, W, 3], scaled to 0..1, and of their squares."""
    counts = np.zeros((3, 256))
    # in strips: numpy counts integers of eight bytes, which for a whole image takes far more memory
    for top in range(0, len(pixels), STRIP):
        strip = pixels[top : top + STRIP]
        columns = strip.reshape(-1, 3).T
        for channel, values in enumerate(columns):
            counts[channel] += np.bincount(values, minlength=256)
    levels = np.arange(256) / 255
    sums = counts @ levels
    sums_of_squares = counts @ levels**2
    moments = np.stack([sums, sums_of_squares])
    return moments / math.prod(pixels.shape[:2])


def check(src: str, label: str | None = None) -> Report:
    """Reads and decodes every example of every split of `src` (what `data.name` may say).

    Args:
      label: of a CSV list: the column of the labels.

    Raises:
      UserError: nothing readable in `src`.
    """
    findings = Findings()
    for split, source in open_splits(src, label=label).items():
        findings.ignored = getattr(source, "ignored", {})  # of the whole set: the same in each
        is_training = split == "train"
        images_of_label = [0] * len(source.class_names)
        look_at = functools.partial(look, source)
        looks = map_rows(look_at, range(len(source)))
        for row, found in enumerate(looks):
            images_of_label[found.label] += 1
            named = (source.name(row), source.class_names[found.label])
            findings.add(named, found, is_training)
        findings.counts[split] = dict(zip(source.class_names, images_of_label))
    return findings.report()


class Findings:
    """What has been found so far, image by image; see `Report`."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self.ignored: dict[str, list[str]] = {}
        self._broken: list[tuple[str, str]] = []
        self._damaged: list[tuple[str, str]] = []
        self._sizes: collections.Counter[tuple[int, int]] = collections.Counter()
        self._same: dict[bytes, list[Labelled]] = {}
        # sums over all training pixels: of their values and of their squares
        self._sums = np.zeros((2, 3))
        self._pixels = 0

    def add(self, named: Labelled, found: Look, is_training: bool) -> None:
        """Takes in one image."""
        name, _ = named
        if found.digest is not None:
            group = self._same.setdefault(found.digest, [])
            group.append(named)
        if found.reason is not None:
            self._broken.append((name, found.reason))
            return
        if found.damage is not None:
            self._damaged.append((name, found.damage))
        self._sizes[found.size] += 1
        if is_training:
            pixels = math.prod(found.size)
            self._sums += pixels * found.moments
            self._pixels += pixels

    def report(self) -> Report:
        # a set without training images has no mean; 0 is printed
        pixels = max(self._pixels, 1)
        mean, square = self._sums / pixels
        # rounding may leave a little less than nothing
        variance = np.maximum(square - mean**2, 0)
        std = np.sqrt(variance)
        groups = [group for group in self._same.values() if len(group) > 1]
        duplicates = [tuple(name for name, _ in group) for group in groups]
        return Report(
            counts=self.counts,
            broken=self._broken,
            damaged=self._damaged,
            duplicates=duplicates,
            ignored=self.ignored,
            sizes=dict(self._sizes),
            mean=tuple(mean.tolist()),
            std=tuple(std.tolist()),
            contradictions=contradicting(groups),
        )
