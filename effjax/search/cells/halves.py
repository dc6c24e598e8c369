"""Batches of two disjoint parts of the training images: for weights, and for what is searched.

Shapes: N images, B the batch of each part.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from effjax.contract import Batch, Source
from effjax.data import Split
from effjax.errors import UserError

HELD_OUT = "held_out_"  # how the names of the second part's arrays begin
PARTED = 4  # the part of a seed that says what it is for, see `effjax.data.order`


class HalfOrder:
    """epoch -> the rows [N] that it shows, all of them from one part.

    An epoch of N examples goes through the part as often as it fits.
    """

    def __init__(self, rows: np.ndarray, examples: int, seed: int, part: int):
        self._rows = rows
        self._examples = examples
        self._seed = (seed, PARTED, part)

    @functools.lru_cache(maxsize=4)  # noqa: B019  one of these lives as long as its run
    def __call__(self, epoch: int) -> np.ndarray:
        passes = -(-self._examples // len(self._rows))
        shown = []
        for number in range(passes):
            rng = np.random.default_rng((*self._seed, epoch * passes + number))
            shown.append(rng.permutation(self._rows))
        return np.concatenate(shown)[: self._examples]


class TwoParts(Source):
    """A training batch for weights and, under names with `HELD_OUT`, one for what is searched.

    Args:
      split: the training images.
      seed: of the division and of both orders.
      share: the part of the images that is for weights, in (0, 1).

    Raises:
      UserError: images that are on the devices, balanced, or too few for a batch of each part.
    """

    def __init__(self, split: Split, seed: int, share: float):
        if split.on_device:
            raise UserError(
                "a search by gradient takes two batches a step, which data.cache=device has not\n"
                "set data.cache=memory"
            )
        if split.stream.order is not None:
            raise UserError(
                "a search by gradient divides the images itself: leave out data.balance"
            )
        examples = split.num_examples
        rows = np.random.default_rng((seed, PARTED)).permutation(examples)
        first = round(share * examples)
        self._parts = []
        for part, own in enumerate((rows[:first], rows[first:])):
            if len(own) < split.batch_size:
                raise UserError(
                    f"{len(own)} of {examples} images are one part of a search by gradient, fewer "
                    f"than a batch of {split.batch_size}\nset a smaller data.batch_size"
                )
            order = HalfOrder(own, examples, seed, part)
            # each part draws its own augmentation
            stream = dataclasses.replace(split.stream, seed=split.stream.seed + part, order=order)
            self._parts.append(dataclasses.replace(split, stream=stream))
        self.num_examples = first
        self.remedy = split.remedy

    @property
    def spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        own = dict(self._parts[0].spec)
        return own | {HELD_OUT + name: part for name, part in own.items()}

    def batches(self, start: int = 0) -> Iterator[Batch]:
        first, second = (part.batches(start) for part in self._parts)
        try:
            for own, held_out in zip(first, second):
                yield own | {HELD_OUT + name: part for name, part in held_out.items()}
        finally:
            first.close()
            second.close()


def parts_of(batch: Batch) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the batch for weights, the batch for what is searched)."""
    first = {}
    second = {}
    for name, value in batch.items():
        if name.startswith(HELD_OUT):
            second[name.removeprefix(HELD_OUT)] = value
        else:
            first[name] = value
    return first, second
