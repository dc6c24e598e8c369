"""From a data set to host batches of uint8 images.

Shapes: B global batch, b = B / hosts this host's part, H W the image.
"""

import dataclasses
import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from effjax.data.images.augment import DRAWN, eval_transform, train_transform
from effjax.data.resident import IMAGES, VIEWS, check_resident, unpack
from effjax.data.sources.source import open_source
from effjax.data.stream import (
    Batch,
    EvalStream,
    HostBatch,
    Pixels,
    TrainStream,
    Views,
    require_memory,
)
from effjax.errors import UserError

ENDLESS = 1 << 40  # steps in a training stream
READ_THREADS = 2  # of each process; decoding and resizing leave the interpreter lock
PREFETCH = 4  # batches ready in each process


class Batches(Iterator[Batch]):
    """An iterator of host batches; close it (or leave its `with` block) to end its workers.

    Attributes:
      skipped: examples so far that are none: unreadable images (and padding, in evaluation).
    """

    def __init__(self, iterator: Any):
        self._iterator = iterator
        self.skipped = 0

    def __next__(self) -> Batch:
        batch = next(self._iterator)
        self.skipped += len(batch["mask"]) - int(np.count_nonzero(batch["mask"]))
        return batch

    def close(self) -> None:
        if self._iterator is not None:
            self._iterator.close()
        # let go of Grain's iterator now: at interpreter exit its clean-up comes too late
        self._iterator = None

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclasses.dataclass(frozen=True)
class Split:
    """One split of a data set, ready to be read in batches."""

    num_examples: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]  # (H, W, 3)
    steps_per_epoch: int
    stream: Callable[[int, np.ndarray], Batch]
    batch_size: int
    host: int
    hosts: int
    workers: int
    endless: bool
    kept: bool  # decoded images stay in memory
    parts: int = 1  # in which a batch is taken, one after another
    on_device: bool = False  # every device holds all images, see `effjax.data.resident`

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

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
        return {
            "image": jax.ShapeDtypeStruct((part, *self.image_shape), np.uint8),
            "label": jax.ShapeDtypeStruct((part,), np.int32),
            "mask": jax.ShapeDtypeStruct((part,), np.float32),
            "index": jax.ShapeDtypeStruct((part,), np.int32),
        }

    @property
    def sent(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of what `batches` yields; `unpack` makes `spec` of it, in the step."""
        if not self.on_device:
            return self.spec
        spec = self.spec
        (part,) = spec["label"].shape
        del spec["image"]
        return {VIEWS: jax.ShapeDtypeStruct((part, 1 + DRAWN), np.int32), **spec}

    @functools.cached_property
    def resident(self) -> dict[str, np.ndarray]:
        """What every device holds through the run, beside each batch."""
        return {IMAGES: self.stream.views.whole()} if self.on_device else {}

    def unpack(self, batch: Batch) -> Batch:
        """What was sent, with what is resident -> the batch as `spec` says; for a compiled step."""
        return unpack(batch, self.stream.views.transform) if IMAGES in batch else batch

    def rows(self, step: int) -> list[dict[str, Any]]:
        """What the global training batch of a step shows: rows of the data set, and their names."""
        rows = self.stream.rows(step, np.arange(self.batch_size))
        name = self.stream.views.pixels.source.name
        return [{"index": i, "row": int(row), "name": name(int(row))} for i, row in enumerate(rows)]

    def batches(self, start: int = 0) -> Batches:
        """Host batches from step `start` on: endless for training, one pass for evaluation.

        Yields:
          image uint8 [b, H, W, 3], label int32 [b], mask float32 [b] (0 marks padding),
          index int32 [b] (the position in the global batch). With `on_device` `sent` in its place.
        """
        import grain

        steps = ENDLESS if self.endless else self.steps_per_epoch
        batch = HostBatch(self.stream, self.batch_size, self.host, self.hosts, self.parts)
        # slicing is how a run resumes: exact, free, for any number of workers
        batches = grain.MapDataset.range(steps)[start:].map(batch)
        threads = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=PREFETCH)
        iterable = batches.to_iter_dataset(threads)
        if not self.workers:
            _one_thread_each()
        else:
            _parse_absl_flags()
            options = grain.MultiprocessingOptions(self.workers, per_worker_buffer_size=PREFETCH)
            shared = iterable.mp_prefetch(options, worker_init_fn=_start_worker).map(_own)
            # a thread of its own: the copy of a batch would keep the training loop waiting
            iterable = grain.experimental.ThreadPrefetchIterDataset(shared, prefetch_buffer_size=1)
        return Batches(iter(iterable))


def _own(batch: Batch) -> Batch:
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


def open_split(
    config: Any,
    split: str,
    *,
    seed: int,
    batch_size: int,
    host: int = 0,
    hosts: int = 1,
    parts: int = 1,
    train: bool,
) -> Split:
    """Opens a split of the data set that `config` (see `DataConfig`) names.

    Args:
      config: the data section, with attributes as in `DataConfig`.
      split: TFDS split syntax, such as `config.train_split`.
      seed: of the order and the augmentation of training examples.
      batch_size: the global batch, over all hosts.
      host, hosts: which part of every global batch this process reads.
      parts: in how many parts a batch is taken, one after another (accumulation).
      train: an endless, shuffled, augmented stream; else one pass in order, padded at the end to a
        whole batch so that every batch has the same shape on every host.

    Raises:
      UserError: unknown data set or split, fewer examples than one batch, a batch that the hosts
        cannot share evenly, or a wrong setting.
    """
    if batch_size % (hosts * parts):
        raise UserError(
            f"a batch of {batch_size} in {parts} part(s) cannot be shared evenly by {hosts} host(s)"
            f"\nset the batch size to a multiple of {hosts * parts}"
        )
    source = open_source(config, split)
    if train and len(source) < batch_size:
        raise UserError(
            f"split {split!r} of {config.name} has {len(source)} examples, fewer than one batch of "
            f"{batch_size}\nset a batch size of at most {len(source)}"
        )
    transform = train_transform(config) if train else eval_transform(config)
    keep, boxes = config.cache is not None, train and transform.boxes
    on_device = train and config.cache == "device"
    pixels = Pixels(
        source,
        fast=train,
        enough=transform.enough if train else None,
        keep=keep and boxes,
        skip=config.on_error == "skip",
    )
    views = Views(pixels, transform, keep)
    if on_device:
        check_resident(transform, len(source) * views.nbytes)
    if keep:
        require_memory(pixels, max(1, config.workers), None if boxes else views.nbytes)
    if train:
        stream = TrainStream(views, seed, batch_size, on_device)
        steps = len(source) // batch_size
    else:
        stream = EvalStream(views, batch_size)
        steps = -(-len(source) // batch_size)
    return Split(
        num_examples=len(source),
        class_names=source.class_names,
        image_shape=(*transform.size, 3),
        steps_per_epoch=steps,
        stream=stream,
        batch_size=batch_size,
        host=host,
        hosts=hosts,
        workers=0 if on_device else config.workers,
        endless=train,
        kept=keep,
        parts=parts,
        on_device=on_device,
    )


def open_training(config: Any) -> Split:
    """This host's part of the training split of a run.

    Args:
      config: the run's whole config: its data section, seed and number of parts of a batch.

    Raises:
      UserError: see `open_split`.
    """
    data = config.data
    return open_split(
        data,
        data.train_split,
        seed=config.seed,
        batch_size=data.batch_size,
        host=jax.process_index(),
        hosts=jax.process_count(),
        parts=config.accumulate,
        train=True,
    )
