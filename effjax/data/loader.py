"""From a source to host batches of uint8 images, in an order that depends on the seed alone.

Shapes: B global batch, b = B / hosts this host's part, H W the image.

The training stream is a function of its position: position p = step * B + slot shows the example
`permutation(seed, epoch)[p mod N]` with epoch = p div N, and augments it with draws from (seed, p).
Nothing else is remembered, so a run may resume at any step with any number of workers or hosts.
"""

import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from effjax.data.augment import EvalTransform, eval_transform, image_size, train_transform
from effjax.data.decode import decode
from effjax.data.sources import Source, open_source
from effjax.errors import UserError

Batch = dict[str, np.ndarray]
ENDLESS = 1 << 40  # steps in a training stream
READ_THREADS = 2  # of each process; decoding and resizing leave the interpreter lock
PREFETCH = 4  # batches ready in each process


@dataclasses.dataclass
class Pixels:
    """Example `row` of a source as (uint8 [H, W, 3], label), decoded once if `keep`."""

    source: Source
    fast: bool
    keep: bool

    def __post_init__(self) -> None:
        self._kept: dict[int, tuple[np.ndarray, int]] = {}

    def __call__(self, row: int) -> tuple[np.ndarray, int]:
        if row in self._kept:
            return self._kept[row]
        data, label = self.source[row]
        image = decode(data, self.fast) if isinstance(data, bytes) else data
        if self.keep:
            self._kept[row] = image, label
        return image, label


@dataclasses.dataclass(frozen=True)
class TrainExample:
    """Position in the endless training stream -> one example."""

    pixels: Pixels
    transform: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    seed: int
    batch_size: int

    def __call__(self, position: int) -> Batch:
        epoch, place = divmod(position, len(self.pixels.source))
        image, label = self.pixels(_order(self.seed, epoch, len(self.pixels.source))[place])
        view = self.transform(image, np.random.default_rng((self.seed, 1, position)))
        return _example(view, label, position % self.batch_size)


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """Position in the evaluation stream -> one example; padding behind the last."""

    pixels: Pixels
    transform: EvalTransform
    batch_size: int

    def __call__(self, position: int) -> Batch:
        index = position % self.batch_size
        if position >= len(self.pixels.source):
            return _example(np.zeros((*self.transform.size, 3), np.uint8), 0, index, mask=0)
        image, label = self.pixels(position)
        return _example(self.transform(image), label, index)


@dataclasses.dataclass(frozen=True)
class HostExample:
    """The k-th example that this host reads -> its position in the global stream -> the example."""

    example: Callable[[int], Batch]
    batch_size: int
    part: int
    host: int

    def __call__(self, k: int) -> Batch:
        step, slot = divmod(k, self.part)
        return self.example(step * self.batch_size + self.host * self.part + slot)


def _example(image: np.ndarray, label: int, index: int, mask: int = 1) -> Batch:
    return {
        "image": np.ascontiguousarray(image),
        "label": np.int32(label),
        "mask": np.float32(mask),
        "index": np.int32(index),
    }


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, examples: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(examples)


class Batches(Iterator[Batch]):
    """An iterator of host batches; close it (or leave its `with` block) to end its workers."""

    def __init__(self, iterator: Any, shared: bool):
        self._iterator, self._shared = iterator, shared

    def __next__(self) -> Batch:
        batch = next(self._iterator)
        # workers hand over shared memory, which must not outlive the iterator
        return {key: np.array(value) for key, value in batch.items()} if self._shared else batch

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
    example: Callable[[int], Batch]
    batch_size: int
    host: int
    hosts: int
    workers: int
    endless: bool

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

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

    def batches(self, start: int = 0) -> Batches:
        """Host batches from step `start` on: endless for training, one pass for evaluation.

        Yields:
          image uint8 [b, H, W, 3], label int32 [b], mask float32 [b] (0 marks padding),
          index int32 [b] (the position in the global batch).
        """
        import grain

        part = self.batch_size // self.hosts
        steps = ENDLESS if self.endless else self.steps_per_epoch
        example = HostExample(self.example, self.batch_size, part, self.host)
        examples = grain.MapDataset.range(steps * part).map(example)
        # slicing whole batches is how a run resumes: exact, free, for any number of workers
        batches = examples.batch(part)[start:]
        threads = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=PREFETCH)
        iterable = batches.to_iter_dataset(threads)
        if self.workers:
            _parse_absl_flags()
            options = grain.MultiprocessingOptions(self.workers, per_worker_buffer_size=PREFETCH)
            iterable = iterable.mp_prefetch(options, worker_init_fn=_die_with_parent)
        return Batches(iter(iterable), shared=self.workers > 0)


def _parse_absl_flags() -> None:
    # Grain reads an absl flag when it starts workers; outside absl.app nobody has parsed them
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _die_with_parent(worker: int, workers: int) -> None:
    """Ends a worker whose parent is gone: a parent killed by a signal has no chance to say so."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def open_split(
    config: Any,
    split: str,
    *,
    seed: int,
    batch_size: int,
    host: int = 0,
    hosts: int = 1,
    train: bool,
) -> Split:
    """Opens a split of the data set that `config` (see `DataConfig`) names.

    Args:
      config: the data section, with attributes as in `DataConfig`.
      split: TFDS split syntax, such as `config.train_split`.
      seed: of the order and the augmentation of training examples.
      batch_size: the global batch, over all hosts.
      host, hosts: which part of every global batch this process reads.
      train: an endless, shuffled, augmented stream; else one pass in order, padded at the end to a
        whole batch so that every batch has the same shape on every host.

    Raises:
      UserError: unknown data set or split, fewer examples than one batch, a batch that the hosts
        cannot share evenly, or a wrong setting.
    """
    if batch_size % hosts:
        raise UserError(
            f"a batch of {batch_size} cannot be shared evenly by {hosts} hosts\n"
            f"set the batch size to a multiple of {hosts}"
        )
    source = open_source(config, split)
    if train and len(source) < batch_size:
        raise UserError(
            f"split {split!r} of {config.name} has {len(source)} examples, fewer than one batch of "
            f"{batch_size}\nset a batch size of at most {len(source)}"
        )
    pixels = Pixels(source, fast=train, keep=config.cache == "memory")
    if train:
        example = TrainExample(pixels, train_transform(config), seed, batch_size)
        steps = len(source) // batch_size
    else:
        example = EvalExample(pixels, eval_transform(config), batch_size)
        steps = -(-len(source) // batch_size)
    return Split(
        num_examples=len(source),
        class_names=source.class_names,
        image_shape=(*image_size(config), 3),
        steps_per_epoch=steps,
        example=example,
        batch_size=batch_size,
        host=host,
        hosts=hosts,
        workers=config.workers,
        endless=train,
    )
