"""One split of a data set: what it holds, and its batches of uint8 images.

Shapes: B global batch, b = B / hosts this host's part, H W the image, V crops of a kind.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from effjax.data.class_names import ClassMatch
from effjax.data.images.augment import DRAWN
from effjax.data.resident import IMAGES, VIEWS, Unpack
from effjax.data.sources.examples import Examples, identity
from effjax.data.stream import HostPart, Stream
from effjax.data.workers import Batches, read_ahead

ENDLESS = 1 << 40  # steps in a training stream
UNCHANGED = Unpack()


@dataclasses.dataclass(frozen=True)
class Split:
    """One split of a data set, ready to be read in batches; a source of batches.

    Attributes:
      kept: decoded images stay in memory.
      parts: in how many parts a batch is taken, one after another.
      on_device: every device holds all images, see `effjax.data.resident`.
      crops: {array: its shape for one example} of `data.views`; empty: a batch has `image`.
      unpack: what was sent, with what is resident -> the batch as `spec` says; a pure function for
        the compiled step.
      match: how the classes were matched with those that were asked for; None: they were not.
    """

    num_examples: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]  # (H, W, 3)
    steps_per_epoch: int
    stream: Stream
    batch_size: int
    host: int
    hosts: int
    workers: int
    endless: bool
    kept: bool
    parts: int = 1
    on_device: bool = False
    unpack: Unpack = UNCHANGED
    match: ClassMatch | None = None
    crops: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def examples(self) -> Examples:
        """The source of the examples."""
        return self.stream.views.pixels.source

    @property
    def remedy(self) -> str:
        """What to do where training waits for these batches."""
        cache = "" if self.kept else "data.cache=memory where the images fit, "
        return (
            f"{cache}more data.workers than {self.workers}, "
            "or smaller files: effjax data prepare SRC --out=DIR --short-side=256"
        )

    @property
    def spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of this host's part of a batch."""
        part = self.batch_size // self.hosts
        arrays = {
            "label": jax.ShapeDtypeStruct((part,), np.int32),
            "mask": jax.ShapeDtypeStruct((part,), np.float32),
            "index": jax.ShapeDtypeStruct((part,), np.int32),
        }
        if self.crops:
            arrays["row"] = jax.ShapeDtypeStruct((part,), np.int32)
        for name, shape in (self.crops or {"image": self.image_shape}).items():
            arrays[name] = jax.ShapeDtypeStruct((part, *shape), np.uint8)
        return arrays

    @property
    def sent(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of what `batches` yields; `unpack` makes `spec` of it, in the step."""
        spec = self.spec
        if not self.on_device:
            return spec
        (part,) = spec["label"].shape
        del spec["image"]
        return {VIEWS: jax.ShapeDtypeStruct((part, 1 + DRAWN), np.int32), **spec}

    @functools.cached_property
    def resident(self) -> dict[str, np.ndarray]:
        """What every device holds through the run, beside each batch."""
        return {IMAGES: self.stream.views.whole()} if self.on_device else {}

    def rows(self, step: int) -> list[dict[str, Any]]:
        """What the global training batch of a step shows: rows of the data set, and their names."""
        rows = self.stream.rows(step, np.arange(self.batch_size)).tolist()
        named = []
        for index, row in enumerate(rows):
            named.append({"index": index, "row": row, "name": self.examples.name(row)})
        return named

    def identity(self) -> dict[str, Any]:
        """What tells this data set from another (JSON data): examples, classes, fingerprint."""
        return identity(self.examples)

    def batches(self, start: int = 0) -> Batches:
        """Host batches from step `start` on: endless for training, one pass for evaluation.

        Yields:
          image uint8 [b, H, W, 3], label int32 [b], mask float32 [b] (0 marks padding),
          index int32 [b] (the position in the global batch). With `on_device` `sent` in its place;
          with `data.views` view_NAME uint8 [b, V, h, w, 3] for `image`, and row int32 [b].
        """
        steps = ENDLESS if self.endless else self.steps_per_epoch
        part = HostPart(self.stream, self.batch_size, self.host, self.hosts, self.parts)
        return read_ahead(part, start, steps, self.workers)
