"""Batches that are read ahead: by threads of this process, or by processes of their own."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from effjax.data.stream import HostArrays, HostPart

READ_THREADS = 2  # of each process; decoding and resizing leave the interpreter lock
PREFETCH = 4  # batches ready in each process


class Batches(Iterator[HostArrays]):
    """An iterator of host batches; close it (or leave its `with` block) to end its workers.

    Attributes:
      skipped: examples so far that are none: unreadable images (and padding, in evaluation).
    """

    def __init__(self, iterator: Any):
        self._iterator = iterator
        self.skipped = 0

    def __next__(self) -> HostArrays:
        batch = next(self._iterator)
        self.skipped += len(batch["mask"]) - int(np.count_nonzero(batch["mask"]))
        return batch

    def start(self) -> None:
        """Begins to read; else the first `next` does."""
        self._iterator.start_prefetch()

    def close(self) -> None:
        if self._iterator is not None:
            self._iterator.close()
        # let go of Grain's iterator now: at interpreter exit its clean-up comes too late
        self._iterator = None

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_ahead(part: HostPart, start: int, steps: int, workers: int) -> Batches:
    """The batches of steps `start` to `steps` - 1.

    Args:
      workers: processes that read and augment; 0: threads of this process.
    """
    import grain

    # slicing is how a run resumes: exact, free, for any number of workers
    batches = grain.MapDataset.range(steps)[start:].map(part)
    threads = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=PREFETCH)
    iterable = batches.to_iter_dataset(threads)
    if not workers:
        _one_thread_each()
        return Batches(iter(iterable))
    _parse_absl_flags()
    options = grain.MultiprocessingOptions(workers, per_worker_buffer_size=PREFETCH)
    shared = iterable.mp_prefetch(options, worker_init_fn=_start_worker).map(_own)
    # a thread of its own: the copy of a batch would keep the training loop waiting
    iterable = grain.experimental.ThreadPrefetchIterDataset(shared, prefetch_buffer_size=1)
    return Batches(iter(iterable))


def _own(batch: HostArrays) -> HostArrays:
    """A copy: workers hand over shared memory, which must not outlive the iterator."""
    return {key: np.array(value) for key, value in batch.items()}


def _parse_absl_flags() -> None:
    # Grain reads an absl flag when it starts workers; outside absl.app nobody has parsed them
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _start_worker(worker: int, workers: int) -> None:
    """Leaves the cores to the other workers, and ends with the parent.

    A parent that a signal has killed has no chance to tell its workers.
    """
    _one_thread_each()

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one_thread_each() -> None:
    # OpenCV would share the work on one small image among all cores, which wait for each other;
    # the readers have them anyway
    import cv2

    cv2.setNumThreads(1)
