"""From a step to its batch of uint8 images: training and evaluation.

Shapes: B the global batch, b the part of it that is asked for, H W the image.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from effjax.data.images.augment import DRAWN, Draws
from effjax.data.images.random_crop import BOX
from effjax.data.order import Generators, rows_of_step, step_numbers
from effjax.data.resident import VIEWS, pack
from effjax.data.views import Loaded, Read, Views, resized

SCRATCH = 3 << 20  # bytes: a photograph of a megapixel

HostArrays = dict[str, np.ndarray]  # a batch, or a host's part of it, in the host's memory


class Stream(Protocol):
    """A step and slots [b] of its batch -> what these slots hold."""

    views: Views

    def __call__(self, step: int, slots: np.ndarray) -> HostArrays: ...


@dataclasses.dataclass(frozen=True)
class TrainStream:
    """The endless training stream."""

    views: Views
    seed: int
    batch_size: int
    on_device: bool = False  # say which views, do not make them: see `resident`
    order: Callable[[int], np.ndarray] | None = None  # see `rows_of_step`

    def __call__(self, step: int, slots: np.ndarray) -> HostArrays:
        """The examples at `slots` [b] of the batch of a step."""
        transform = self.views.transform
        rows = self.rows(step, slots)
        # every host draws for the whole batch, and takes its own
        rng = step_numbers(self.seed, step)
        uniform = rng.random((self.batch_size, DRAWN))
        draws = transform.draws(uniform[slots])
        index = slots.astype(np.int32)
        if self.on_device:
            labels, masks = self.views.labelled(rows)
            return {
                VIEWS: pack(rows, draws),
                "label": labels,
                "mask": masks,
                "index": index,
            }
        if transform.boxes:
            # drawn after the other numbers, in one piece: the order is part of the result
            uniform = rng.random((self.batch_size, BOX))
            images, labels, masks = self._cut(rows, uniform[slots], draws)
        else:
            images, labels, masks = self.views(rows, draws.choice)
        positions = step * self.batch_size + slots
        generators = Generators(self.seed, positions)
        images = transform.finish(images, draws, generators)
        # a broken image is black: the colour operations may have lifted it
        images[masks == 0] = 0
        return {
            "image": images,
            "label": labels,
            "mask": masks,
            "index": index,
        }

    def _cut(self, rows: np.ndarray, places: np.ndarray, draws: Draws) -> Read:
        """A random box of each example, resized.

        Args:
          places: [b, BOX] uniform numbers for the boxes.
        """
        pixels = self.views.pixels
        transform = self.views.transform
        scratch = np.empty(SCRATCH, np.uint8)  # fresh memory for each image would cost a fifth
        # Python's numbers: what follows takes them one by one
        columns = (rows, places, draws.choice)
        lists = [column.tolist() for column in columns]

        def load() -> Iterator[Loaded]:
            for row, numbers, choice in zip(*lists):
                image = pixels.open(row)
                part = None
                if image.size is not None:
                    box = transform.box(numbers, image.size)
                    part = pixels.cut(row, image, box, scratch)
                yield part, image.label, choice

        return resized(transform, len(rows), load())

    def rows(self, step: int, slots: np.ndarray) -> np.ndarray:
        """Which examples [b] the slots [b] of a step show."""
        repeats = self.views.transform.augment.repeats
        examples = len(self.views.pixels.source)
        return rows_of_step(self.seed, step, slots, self.batch_size, repeats, examples, self.order)


@dataclasses.dataclass(frozen=True)
class EvalStream:
    """All examples in order, then padding."""

    views: Views
    batch_size: int

    def __call__(self, step: int, slots: np.ndarray) -> HostArrays:
        """The examples at `slots` [b] of the batch of a step."""
        rows = step * self.batch_size + slots
        inside = rows < len(self.views.pixels.source)
        images = np.zeros((len(rows), *self.views.transform.size, 3), np.uint8)
        labels = np.zeros(len(rows), np.int32)
        masks = np.zeros(len(rows), np.float32)
        only_choice = np.zeros(inside.sum(), int)
        found = self.views(rows[inside], only_choice)
        images[inside], labels[inside], masks[inside] = found
        return {
            "image": images,
            "label": labels,
            "mask": masks,
            "index": slots.astype(np.int32),
        }


@dataclasses.dataclass(frozen=True)
class HostPart:
    """A step -> what this host reads of its batch.

    A batch that is taken in `parts`, one after another, is cut into them first: each host then has
    its slice of every part, so that the parts are the same for any number of hosts.
    """

    stream: Stream
    batch_size: int
    host: int
    hosts: int
    parts: int

    def __call__(self, step: int) -> HostArrays:
        slots = np.arange(self.batch_size)
        by_part = slots.reshape(self.parts, self.hosts, -1)
        own = by_part[:, self.host]
        return self.stream(step, own.reshape(-1))
