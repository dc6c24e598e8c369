"""`effjax data prepare`: any source of images -> ArrayRecord files, which TFDS reads too."""

import contextlib
import functools
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping

from effjax.data.builders import BUILDERS
from effjax.data.sources.catalog import (
    default_data_dir,
    is_prepared,
    prepare_builtin,
    prepared_directory,
    write,
)
from effjax.data.sources.examples import Examples
from effjax.data.sources.open import open_splits
from effjax.data.tools.convert import stored_examples
from effjax.data.tools.provenance import check_same_source, describe_source, write_source
from effjax.errors import UserError, nearest, printable
from effjax.kinds import Misfit, fit
from effjax.ranges import Count, Range


def prepare(
    src: str,
    out: str,
    short_side: int | None = None,
    val_share: float = 0.1,
    split_seed: int = 0,
    skip_broken: bool = False,
    label: str | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Writes every split of `src` below `out`, as a TFDS data set that `data.name=OUT` reads.

    Bytes are copied as they are, unless they must be made smaller (`short_side`) or are arrays
    (stored as PNG). Nothing is done where `out` was prepared from the same images in the same way.
    After an interruption the same command goes on: images that were made smaller already are not
    made again.

    Args:
      src: what `data.name` may say (see `DataConfig`), or a directory of TFRecord files from TFDS.
      out: the directory to write.
      short_side: images whose shorter side is longer are resized to it and stored as JPEG.
      val_share, split_seed: of the division into train and validation where `src` has none.
      skip_broken: leave out what cannot be read (with `short_side`: or decoded); else an error.
      label: of a CSV list: the column of the labels.
      force: replace what was prepared from other images or in another way.

    Returns:
      {split: number of examples}.

    Raises:
      UserError: nothing readable in `src`, a broken image, `out` was prepared from something else
        or cannot be written.
    """
    _check_options(short_side, val_share)
    target = pathlib.Path(out).expanduser().resolve()
    sources = open_splits(src, val_share, split_seed, label)
    described = describe_source(
        sources,
        short_side=short_side,
        val_share=val_share,
        split_seed=split_seed,
        skip_broken=skip_broken,
        label=label,
    )
    replaced = target.parent / f".{target.name}.replaced"
    if is_prepared(target):
        if not force:
            check_same_source(pathlib.Path(prepared_directory(os.fspath(target))), described)
            return split_sizes(prepared_directory(os.fspath(target)))
        # the old data stay until the new ones are whole
        shutil.rmtree(replaced, ignore_errors=True)
        target.rename(replaced)
    try:
        with _nothing_half_made(target):
            _write(src, target, sources, short_side, skip_broken)
            write_source(pathlib.Path(prepared_directory(os.fspath(target))), described)
    except BaseException:
        if replaced.exists():
            shutil.rmtree(target, ignore_errors=True)
            replaced.rename(target)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
    shutil.rmtree(_unfinished(target), ignore_errors=True)
    return split_sizes(prepared_directory(os.fspath(target)))


def _check_options(short_side: int | None, val_share: float) -> None:
    try:
        fit(short_side, Count | None)
    except Misfit as error:
        raise UserError(f"--short-side={short_side}: expected {error}") from error
    if val_share not in Range(0, 1, "()"):
        raise UserError(f"--val-share={val_share}: expected {Range(0, 1, '()')}")


def _unfinished(target: pathlib.Path) -> pathlib.Path:
    """Where converted images are kept until all are there."""
    return target.parent / f".{target.name}.unfinished"


def _write(
    src: str,
    target: pathlib.Path,
    sources: Mapping[str, Examples],
    short_side: int | None,
    skip_broken: bool,
) -> None:
    """Lets TFDS write every split."""
    from effjax.data.builders.images import Images

    examples = {}
    for split, source in sources.items():
        journal = _unfinished(target) / split
        examples[split] = functools.partial(
            stored_examples, source, short_side, skip_broken, journal
        )
    builder = Images(
        name=target.name,
        data_dir=target.parent,
        class_names=next(iter(sources.values())).class_names,
        description=f"Images from {os.path.basename(os.path.normpath(src))}.",
        examples=examples,
    )
    write(builder)


@contextlib.contextmanager
def _nothing_half_made(target: pathlib.Path) -> Iterator[None]:
    """Takes away what an attempt to write has left, and says why it failed.

    Raises:
      UserError: the disk is full, or does not let us write.
    """
    existed = target.exists()
    try:
        yield
    except BaseException as error:
        for left in target.glob("*incomplete*"):
            shutil.rmtree(left, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):
                target.rmdir()  # only if it is empty
        problem = _disk_problem(error)
        if problem is None:
            raise
        # a full disk needs the room of what was kept for another attempt
        shutil.rmtree(_unfinished(target), ignore_errors=True)
        raise UserError(f"cannot write {printable(str(target))}: {problem}") from error


def _disk_problem(error: BaseException) -> str | None:
    """What the system says of a disk, from whatever error a library made of it; None: no such."""
    if isinstance(error, UserError):
        return None
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # the writer of ArrayRecord files is C++ and raises other types
    text = str(error)
    known = ("No space left on device", "File too large", "Disk quota exceeded", "Read-only file")
    return next((words for words in known if words in text), None)


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
