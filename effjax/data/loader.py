"""From a config's data section to a split that is ready to be read."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from effjax.data.balance import BalancedOrder
from effjax.data.class_names import ClassMatch, match_classes, name_some, require_known
from effjax.data.images.augment import TrainTransform, train_transform
from effjax.data.images.centre_crop import eval_transform
from effjax.data.pixels import Pixels
from effjax.data.resident import Unpack, check_resident
from effjax.data.several import PREFIX, CropKind, SeveralStream, enough_for, read_views
from effjax.data.sources.drawn import Drawn
from effjax.data.sources.examples import Examples, Matched
from effjax.data.sources.open import open_examples
from effjax.data.split import Split
from effjax.data.stream import EvalStream, Stream, TrainStream
from effjax.data.views import Views, require_memory
from effjax.errors import UserError, printable


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
    class_names: Sequence[str] | None = None,
    ignore_unknown: bool = False,
    draw: int | None = None,
) -> Split:
    """Opens a split of the data set that `config` (see `DataConfig`) names.

    Args:
      config: the data section, with attributes as in `DataConfig`.
      split: TFDS split syntax, such as `config.train_split`; "all": all splits together.
      seed: of the order and the augmentation of training examples.
      batch_size: the global batch, over all hosts.
      host, hosts: which part of every global batch this process reads.
      parts: in how many parts a batch is taken, one after another (accumulation).
      train: an endless, shuffled, augmented stream; else one pass in order, padded at the end to a
        whole batch so that every batch has the same shape on every host.
      class_names: of a network: its labels are wanted. Classes are matched by name.
      ignore_unknown: leave out examples of classes that the network does not know.
      draw: only so many examples, drawn from all classes with `seed`; None: all.

    Raises:
      UserError: unknown data set or split, fewer examples than one batch, a batch that the hosts
        cannot share evenly, unknown classes, or a wrong setting.
    """
    if batch_size % (hosts * parts):
        raise UserError(
            f"a batch of {batch_size} in {parts} part(s) cannot be shared evenly by {hosts} host(s)"
            f"\nset the batch size to a multiple of {hosts * parts}"
        )
    source = open_examples(config, split)
    match = None
    if class_names is not None:
        source, match = _with_classes_of(source, class_names, config, ignore_unknown)
    elif config.classes:
        source = only_classes(source, config.classes, printable(config.name))
    if draw is not None:
        source = Drawn(source, draw, seed)
    _require_examples(source, config, split, batch_size if train else 1)
    examples = len(source)
    if train:
        stream = _training_stream(source, config, seed, batch_size)
        steps = examples // batch_size
    else:
        stream = EvalStream(_make_views(source, config, train), batch_size)
        steps = -(-examples // batch_size)  # the last batch is padded
    transform = stream.views.transform
    on_device = train and config.cache == "device"
    is_padded = train and config.augment.crop == "pad"
    return Split(
        num_examples=examples,
        class_names=source.class_names,
        image_shape=(*transform.size, 3),
        steps_per_epoch=steps,
        stream=stream,
        batch_size=batch_size,
        host=host,
        hosts=hosts,
        workers=0 if on_device else config.workers,
        endless=train,
        kept=config.cache is not None,
        parts=parts,
        on_device=on_device,
        unpack=Unpack(config.augment.pad if is_padded else None),
        match=match,
        crops=_crop_shapes(stream),
    )


def _with_classes_of(
    source: Examples, class_names: Sequence[str], config: Any, ignore_unknown: bool
) -> tuple[Examples, ClassMatch]:
    """The examples with the labels of a network, and how its classes are those of the data."""
    match = match_classes(source.class_names, class_names)
    if not ignore_unknown:
        require_known(match, printable(config.name), "the network")
    return Matched(source, match, class_names), match


def only_classes(source: Examples, names: Sequence[str], data: str) -> Examples:
    """The examples of the classes `names`, whose labels are their places there.

    Raises:
      UserError: the data set, called `data`, has no such class, or one is named twice.
    """
    if len(set(names)) < len(names):
        raise UserError(f"config.data.classes names a class twice: {name_some(sorted(names))}")
    match = match_classes(source.class_names, names)
    if match.missing:
        raise UserError(
            f"{data} has no class {name_some(match.missing)}\n"
            f"it has {name_some(source.class_names)}"
        )
    return Matched(source, match, names)


def _training_stream(source: Examples, config: Any, seed: int, batch_size: int) -> Stream:
    """One augmented image of each example, or the crops that `config.views` describes."""
    order = None
    if config.balance:
        order = BalancedOrder(np.asarray(source.labels()), config.balance, seed)
    if len(list(config.views)):
        kinds = read_views(config)
        views = _own_size(source, config, kinds)
        return SeveralStream(views, kinds, seed, batch_size, order)
    views = _make_views(source, config, train=True)
    return TrainStream(views, seed, batch_size, config.cache == "device", order)


def _crop_shapes(stream: Stream) -> dict[str, tuple[int, ...]]:
    """{array: its shape for one example} of a stream of several crops; {} of another."""
    shapes = {}
    for kind in getattr(stream, "kinds", ()):
        shapes[PREFIX + kind.name] = (kind.count, *kind.size, 3)
    return shapes


def open_training(config: Any, views: bool = False) -> Split:
    """This host's part of the training split of a run.

    Args:
      config: the run's whole config: its data section, seed and number of parts of a batch.
      views: whether the task takes `config.data.views`.

    Raises:
      UserError: views that the task does not take; see `open_split`.
    """
    data = config.data
    if not views and len(list(data.views)):
        raise UserError(
            f"config.data.views is for tasks that learn without labels; {config.task.name!r} "
            "takes one image\nleave it out, or --config.task.name=contrast"
        )
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


def _require_examples(source: Examples, config: Any, split: str, least: int) -> None:
    count = len(source)
    if count == 0:
        raise UserError(f"split {split!r} of {printable(config.name)} has no examples")
    if count < least:
        raise UserError(
            f"split {split!r} of {printable(config.name)} has {count} examples, fewer than one "
            f"batch of {least}\nset a batch size of at most {count}"
        )


def _own_size(source: Examples, config: Any, kinds: tuple[CropKind, ...]) -> Views:
    """The examples at their own size, decoded once and kept as `config.cache` says.

    Raises:
      UserError: what is to be kept does not fit.
    """
    pixels = Pixels(
        source,
        fast=True,
        enough=enough_for(kinds),
        keep=config.cache is not None,
        skip=config.on_error == "skip",
        refuse_damage=config.on_damage == "error",
    )
    if config.cache is not None:
        require_memory(pixels, max(1, config.workers))
    return Views(pixels, eval_transform(config))


def _make_views(source: Examples, config: Any, train: bool) -> Views:
    """The examples at the size of the batch, kept as `config.cache` says.

    Raises:
      UserError: what is to be kept does not fit.
    """
    transform = train_transform(config) if train else eval_transform(config)
    keep = config.cache is not None
    # of random boxes only the decoded images can be kept
    boxes = isinstance(transform, TrainTransform) and transform.boxes
    pixels = Pixels(
        source,
        fast=train,
        enough=transform.enough if train else None,
        keep=keep and boxes,
        skip=config.on_error == "skip",
        refuse_damage=config.on_damage == "error",
    )
    views = Views(pixels, transform, keep)
    if train and config.cache == "device":
        check_resident(transform, len(source) * views.nbytes)
    if keep:
        require_memory(pixels, max(1, config.workers), None if boxes else views.nbytes)
    return views
