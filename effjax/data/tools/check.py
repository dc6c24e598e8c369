"""`effjax data check`: what is in a data set, and what is wrong with it."""

import collections
import dataclasses
import functools
import hashlib
import math

import numpy as np

from effjax.data.images.decode import decode
from effjax.data.sources.source import Source
from effjax.data.threads import map_rows
from effjax.data.tools.prepare import open_splits
from effjax.errors import UserError

LISTED = 20  # broken files and duplicates that the text names


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes:
      counts: {split: {class name: number of examples}}.
      broken: (name, reason) of every image that cannot be decoded.
      duplicates: names of examples with the very same bytes, the groups in order.
      sizes: (height, width): number of images.
      mean, std: of the training pixels, per channel, scaled to 0..1.
    """

    counts: dict[str, dict[str, int]]
    broken: list[tuple[str, str]]
    duplicates: list[tuple[str, ...]]
    sizes: dict[tuple[int, int], int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        lines = []
        for split, counts in self.counts.items():
            each = sorted(counts.items(), key=lambda item: item[1])
            (fewest, low), (most, high) = each[0], each[-1]
            lines.append(
                f"{split}: {sum(counts.values())} images, {len(counts)} classes "
                f"of {low} ({fewest}) to {high} ({most})"
            )
        heights, widths = (sorted(sides) for sides in zip(*self.sizes)) if self.sizes else ((), ())
        if heights:
            lines.append(f"size: {heights[0]}x{widths[0]} to {heights[-1]}x{widths[-1]}")
            lines.append(f"mean: {_triple(self.mean)}  std: {_triple(self.std)}  (training pixels)")
        lines.append(f"cannot be decoded: {len(self.broken)}")
        lines += [f"  {name}: {reason}" for name, reason in self.broken[:LISTED]]
        lines.append(f"same bytes: {len(self.duplicates)} groups")
        lines += [f"  {' = '.join(names)}" for names in self.duplicates[:LISTED]]
        return "\n".join(lines)


def _triple(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


@dataclasses.dataclass(frozen=True)
class Look:
    """What one image has to say."""

    label: int
    digest: bytes
    reason: str | None = None  # why it cannot be decoded
    size: tuple[int, int] | None = None
    moments: np.ndarray | None = None  # [2, 3]: sum of the pixels and of their squares, 0..1


def look(source: Source, row: int) -> Look:
    """Decodes one example and measures it."""
    data, label = source[row]
    digest = hashlib.sha256(
        data if isinstance(data, bytes) else np.ascontiguousarray(data)
    ).digest()
    try:
        pixels = decode(data) if isinstance(data, bytes) else data
    except UserError as error:
        return Look(label, digest, reason=str(error))
    counts = np.stack([np.bincount(channel, minlength=256) for channel in pixels.reshape(-1, 3).T])
    levels = np.arange(256) / 255
    moments = np.stack([counts @ levels, counts @ levels**2])
    return Look(label, digest, size=pixels.shape[:2], moments=moments)


def check(src: str) -> Report:
    """Reads and decodes every example of every split of `src` (what `data.name` may say).

    Raises:
      UserError: nothing readable in `src`.
    """
    counts, broken, sizes = {}, [], collections.Counter()
    same: dict[bytes, list[str]] = {}
    moments, pixels = np.zeros((2, 3)), 0
    for split, source in open_splits(src).items():
        labels = collections.Counter(dict.fromkeys(range(len(source.class_names)), 0))
        looks = map_rows(functools.partial(look, source), range(len(source)))
        for row, seen in enumerate(looks):
            labels[seen.label] += 1
            same.setdefault(seen.digest, []).append(source.name(row))
            if seen.reason is not None:
                broken.append((source.name(row), seen.reason))
                continue
            sizes[seen.size] += 1
            if split == "train":
                moments, pixels = moments + seen.moments, pixels + math.prod(seen.size)
        counts[split] = {source.class_names[label]: n for label, n in labels.items()}
    mean, square = moments / max(pixels, 1)
    return Report(
        counts=counts,
        broken=broken,
        duplicates=[tuple(names) for names in same.values() if len(names) > 1],
        sizes=dict(sizes),
        mean=tuple(mean.tolist()),
        std=tuple(np.sqrt(square - mean**2).tolist()),
    )
