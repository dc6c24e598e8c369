"""`effjax data prepare`: any source of images -> ArrayRecord files, which TFDS reads too."""

import functools
import io
import itertools
import json
import os
import pathlib
import shutil
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from effjax.data.builders import BUILDERS
from effjax.data.config import DataConfig
from effjax.data.images.augment import resize_exact
from effjax.data.images.decode import decode
from effjax.data.sources.catalog import (
    INFO,
    default_data_dir,
    is_prepared,
    prepare_builtin,
    prepared_directory,
    write,
)
from effjax.data.sources.source import Source, open_source
from effjax.data.sources.splits import MissingSplit
from effjax.data.sources.tfrecord import TfRecords
from effjax.data.threads import map_rows
from effjax.data.tools.journal import Journal
from effjax.errors import UserError, nearest

SPLITS = ("train", "validation", "test")
JPEG_QUALITY = 90


def prepare(
    src: str,
    out: str,
    short_side: int | None = None,
    val_share: float = 0.1,
    split_seed: int = 0,
    skip_broken: bool = False,
) -> dict[str, int]:
    """Writes every split of `src` below `out`, as a TFDS data set that `data.name=OUT` reads.

    Bytes are copied as they are, unless they must be made smaller (`short_side`) or are arrays
    (stored as PNG). Nothing is done where `out` is prepared already. After an interruption the same
    command goes on: images that were made smaller already are not made again.

    Args:
      src: what `data.name` may say (see `DataConfig`), or a directory of TFRecord files from TFDS.
      out: the directory to write.
      short_side: images whose shorter side is longer are resized to it and stored as JPEG.
      val_share, split_seed: of the division into train and validation where `src` has none.
      skip_broken: with `short_side`, leave out what cannot be decoded; else it is an error.

    Returns:
      {split: number of examples}.

    Raises:
      UserError: nothing readable in `src`, or a broken image.
    """
    from effjax.data.builders.images import Images

    target = pathlib.Path(out).expanduser().resolve()
    if not is_prepared(target):
        sources = open_splits(src, val_share, split_seed)
        unfinished = target.parent / f".{target.name}.unfinished"
        builder = Images(
            name=target.name,
            data_dir=target.parent,
            class_names=next(iter(sources.values())).class_names,
            description=f"Images from {os.path.basename(os.path.normpath(src))}.",
            examples={
                split: functools.partial(
                    examples, source, short_side, skip_broken, unfinished / split
                )
                for split, source in sources.items()
            },
        )
        write(builder)
        shutil.rmtree(unfinished, ignore_errors=True)
    return split_sizes(prepared_directory(os.fspath(target)))


def prepare_local(name: str, manual_dir: str, data_dir: str | None = None) -> dict[str, int]:
    """Prepares one of our own data sets from files that the user has (see `BUILDERS`).

    Args:
      name: such as "cifar10".
      manual_dir: the folder with the files.
      data_dir: where prepared data lies; None as in `DataConfig`.

    Returns:
      {split: number of examples}.

    Raises:
      UserError: unknown name, or nothing readable in the folder.
    """
    if name not in BUILDERS:
        raise UserError(f"there is no builder for {name!r}; {nearest(name, BUILDERS)}")
    if not os.path.isdir(manual_dir):
        raise UserError(f"--manual-dir={manual_dir}: there is no such folder")
    root = data_dir or default_data_dir()
    prepare_builtin(name, root, manual_dir)
    return split_sizes(prepared_directory(name, root))


def split_sizes(directory: str) -> dict[str, int]:
    """{split: number of examples} of a prepared directory."""
    import tensorflow_datasets as tfds

    splits = tfds.builder_from_directory(directory).info.splits
    return {name: info.num_examples for name, info in splits.items()}


def open_splits(src: str, val_share: float = 0.1, split_seed: int = 0) -> dict[str, Source]:
    """All splits of `src` among train, validation and test.

    Raises:
      UserError: nothing readable in `src`.
    """
    config = DataConfig(name=src, val_share=val_share, split_seed=split_seed)
    sources = {}
    for split in SPLITS:
        try:
            sources[split] = _open(config, split)
        except MissingSplit as error:
            missing = error
    if not sources:
        raise missing
    return sources


def _open(config: DataConfig, split: str) -> Source:
    if is_prepared(config.name):
        directory = prepared_directory(config.name)
        info = json.loads((pathlib.Path(directory) / INFO).read_text())
        if info.get("fileFormat", "tfrecord") == "tfrecord":
            return TfRecords(directory, split)
    return open_source(config, split)


def examples(
    source: Source,
    short_side: int | None = None,
    skip_broken: bool = False,
    journal: str | os.PathLike | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """What a TFDS builder writes for a source, in its order; images are converted in threads.

    Args:
      journal: a file that keeps what was made smaller, for another attempt.
    """

    def convert(row: int) -> tuple[bytes | None, int]:
        data, label = source[row]
        try:
            return stored_bytes(data, short_side), label
        except UserError as error:
            if skip_broken:
                return None, label
            raise UserError(f"{source.name(row)} cannot be decoded: {error}") from error

    if short_side is None or journal is None:  # copying takes no longer than reading a journal
        converted = map_rows(convert, range(len(source)))
    else:
        names = zlib.crc32("\n".join(source.name(row) for row in range(len(source))).encode())
        about = {"short_side": short_side, "images": len(source), "names": names}
        kept = Journal(journal, about)
        fresh = kept.append(map_rows(convert, range(kept.rows, len(source))))
        converted = itertools.chain(kept.read(), fresh)
    for row, (data, label) in enumerate(converted):
        if data is not None:
            yield row, {"image": io.BytesIO(data), "label": label}


def stored_bytes(data: bytes | np.ndarray, short_side: int | None) -> bytes:
    """What to store for an image: its own bytes, a smaller JPEG, or for an array a PNG.

    Raises:
      UserError: bytes that must be made smaller cannot be decoded.
    """
    import cv2
    import simplejpeg

    if short_side is not None:
        pixels = decode(data) if isinstance(data, bytes) else data
        shrink = short_side / min(pixels.shape[:2])
        if shrink < 1:
            height, width = (max(short_side, round(side * shrink)) for side in pixels.shape[:2])
            smaller = resize_exact(pixels, (height, width), "bicubic")
            return simplejpeg.encode_jpeg(smaller, JPEG_QUALITY, "RGB")
    if isinstance(data, bytes):
        return data
    return cv2.imencode(".png", data[..., ::-1])[1].tobytes()
