"""Where batches come from."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import jax
import numpy as np

from effjax.contract.batch import Batch


def as_sent(batch: Batch) -> Batch:
    """The batch itself: nothing has to be unpacked."""
    return batch


class Source(Protocol):
    """Batches of a task: the global batch of step i is a function of (seed, i) alone.

    A subclass sets `num_examples` and `spec` and overrides `batches`. The rest is for sources that
    keep a part of the data on the devices.

    Attributes:
      num_examples: of one epoch.
      spec: shapes and dtypes of this host's part of a batch, as the task sees it.
      remedy: what to try when training waits for batches.
      unpack: a pure function that makes what `spec` describes of what was sent and what is
        resident. It becomes part of the compiled step, so it must not hold the source.
    """

    num_examples: int
    spec: Mapping[str, jax.ShapeDtypeStruct]
    remedy: str = "a quicker source"
    unpack: Callable[[Batch], Batch] = staticmethod(as_sent)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yields this host's part of the batches of steps start, start + 1, ...; has `close()`."""

    @property
    def sent(self) -> Mapping[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of what `batches` yields."""
        return self.spec

    @property
    def resident(self) -> Mapping[str, np.ndarray]:
        """The arrays that every device holds through the run, beside each batch."""
        return {}
