"""A network and the labelled images that it is examined on, batch by batch.

Shapes: B batch, H W space.
"""

from collections.abc import Iterator

import numpy as np
from jax import Array

from effjax.data import DataConfig, Split, open_split
from effjax.data.sources.drawn import Drawn
from effjax.errors import UserError
from effjax.evaluate.scores import check_labels
from effjax.report import Display
from effjax.trained.network import Trained
from effjax.trained.spread import Spread

NpArray = np.ndarray
BATCH = 64


class Examined:
    """A network and the labelled images that it is examined on.

    Args:
      data: see `effjax.evaluate.network.data_of`.
      limit: at most so many images of each split, drawn from all classes; None: all.
      seed: of that draw.
      ignore_unknown: leave out images of classes that the network does not know.

    Raises:
      UserError: no such images, or classes that the network does not know.
    """

    def __init__(
        self,
        trained: Trained,
        data: DataConfig,
        display: Display,
        limit: int | None = None,
        ignore_unknown: bool = False,
        seed: int = 0,
    ):
        self.trained = trained
        self.data = data
        self.display = display
        wanted_batch = BATCH
        if limit is not None:
            wanted_batch = min(BATCH, limit)
        self.spread = Spread(wanted_batch)
        self.batch = self.spread.batch  # rounded for the devices
        self.variables = self.spread.copy(trained.variables)
        self._ignore_unknown = ignore_unknown
        self._limit = limit
        self._seed = seed
        self.held_out = self.open(data.val_split)

    def open(self, split: str) -> Split:
        """A split in order, without augmentation; its labels are the network's, by name."""
        return open_split(
            self.data,
            split,
            seed=self._seed,
            batch_size=self.batch,
            train=False,
            class_names=self.trained.labels,
            ignore_unknown=self._ignore_unknown,
            draw=self._limit,
        )

    def drawn(self, split: Split) -> str | None:
        """What was drawn of a split, in words; None: all of it is looked at."""
        examples = split.examples
        return str(examples) if isinstance(examples, Drawn) else None

    def numbers(self, batch: int) -> NpArray:
        """The numbers [B] in the whole held-out split of the images of a batch.

        A random draw belongs to such a number: an image has the same one whatever `limit` is.
        """
        places = batch * self.batch + np.arange(self.batch)
        examples = self.held_out.examples
        if not isinstance(examples, Drawn):
            return places
        # padding has no number: any will do
        return examples.rows[np.minimum(places, len(examples) - 1)]

    def batches(self, split: Split) -> Iterator[tuple[NpArray, NpArray, NpArray]]:
        """Yields (images uint8 [B, H, W, 3], labels [B], which are examples [B] bool).

        A row that is no example is padding, or an image that cannot be read.

        Raises:
          UserError: labels that are no class of the network, or not a single image can be read.
        """
        steps = split.steps_per_epoch
        classes = len(self.trained.labels)
        readable = 0
        self.display.start(steps, images=self.batch)
        with split.batches() as batches:
            for step, batch in enumerate(batches):
                labels = batch["label"]
                real = batch["mask"] > 0
                # padding has a label too, which means nothing
                check_labels(labels[real], classes)
                readable += int(real.sum())
                yield batch["image"], labels, real
                self.display.update(step + 1, {})
        self.display.close()
        if not readable:
            raise UserError(
                f"none of the images of {self.data.name} can be read\n"
                f"see what is wrong: effjax data check {self.data.name}"
            )

    def send(self, images: NpArray) -> Array:
        """A batch of images onto the devices."""
        return self.spread.send(image=images)["image"]
