"""`effjax export`: writes a network, records what it needs beside it, and checks the file.

Shapes: B batch, H W space, K classes.
"""

import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.quantised import bits_of
from effjax.config import as_path, is_remote
from effjax.errors import UserError, nearest
from effjax.export.formats import FORMATS, INPUT, Run, output_name
from effjax.export.whole_images import (
    WholeImages,
    input_size,
    largest_pixel_difference,
    take_whole,
)
from effjax.report import Display, format_bytes
from effjax.trained.card import card_path, make_card
from effjax.trained.network import Trained

CHECKED = (3, 1)  # batch sizes of the check
MEASURED = (1, 8, 32)  # batch sizes of the latency table
ROUNDS = 20
# what a program has to do with the output
GIVES = {
    "class": "logits: their softmax is the probability of each class",
    "labels": "logits: their sigmoid is the probability of each label, given above 0.5",
    "numbers": "numbers in their own units",
    "features": "features: what a classifier would take",
}
WARM_UP = 3
OTHER_LEVELS = 0.05  # of the largest logit, where layers round to few levels


def export(
    trained: Trained,
    kind: str,
    out: Path | None,
    display: Display,
    measure: bool = False,
    whole: str | None = None,
) -> dict[str, Any]:
    """Writes the network as `kind`, its companion F.json, and compares both on random images.

    The computation is in float32 whatever the network was trained in. Both files appear when they
    are complete and checked.

    Args:
      kind: one of FORMATS.
      out: the file; None: named after the network, in the run's folder if it has one.
      measure: also time a batch of each size of MEASURED.
      whole: "HxW": the file takes photographs of this size, and resizes and crops them itself.

    Returns:
      {"file", "bytes", "difference", "largest"}: `difference` is the largest of any logit.

    Raises:
      UserError: an unknown format, a package that is missing, a file that cannot be written, or
        one that computes something else.
    """
    if kind not in FORMATS:
        raise UserError(f"--format={kind}: {nearest(kind, FORMATS)}")
    form = FORMATS[kind]
    if out is None:
        out = _default_out(trained, form.ending)
    if out.suffix != form.ending:
        raise UserError(f"--out={out}: {kind} files are called *{form.ending}")
    model = trained.model.clone(dtype=jnp.float32)
    trained = dataclasses.replace(trained, model=model)
    if whole is not None:
        trained = _with_preprocessing(trained, kind, whole)
    network = _network(trained)
    size = input_size(trained)
    with _staged(out) as part:
        display.waiting(f"writing {out}")
        # the companion first: opening a file may need it
        card = make_card(trained) | _interface(trained, kind)
        text = json.dumps(card, indent=2, ensure_ascii=False)
        card_path(part).write_text(text + "\n")
        form.write(trained, part)
        display.waiting("checking the file")
        exported = form.open(part)
        difference, largest = check(network, exported, size)
        _refuse_difference(kind, difference, largest, bits_of(trained.model) is not None)
    difference_words = f"{difference:.2g} at most, of outputs up to {largest:.3g}"
    rows = [*_describe(trained, out), ("difference", difference_words)]
    display.table(f"{trained.name} as {kind}", rows)
    if measure:
        runs = {"effjax": network, kind: exported}
        header = ("images", "effjax", kind)
        rows = latency(runs, size, display)
        display.table("latency, median of 20", rows, header, right=(0, 1, 2))
    return {
        "file": out,
        "bytes": out.stat().st_size,
        "difference": difference,
        "largest": largest,
    }


def _describe(trained: Trained, out: Path) -> list[tuple[str, str]]:
    """(what, value) rows on a file that was written."""
    return [
        ("file", f"{out}, {format_bytes(out.stat().st_size)}"),
        ("beside it", f"{card_path(out)}: preprocessing, labels, architecture"),
        ("takes", f"{INPUT}: {_shape(trained)}, RGB, {_state(trained)}"),
        ("gives", f"{output_name(trained)}: {_gives(trained)}"),
        ("meaning", GIVES[trained.gives]),
    ]


def _with_preprocessing(trained: Trained, kind: str, size: str) -> WholeImages:
    """The network with resizing and cropping inside, compared with those of the host.

    Raises:
      UserError: a file of weights alone, no size, or other pixels than the host's.
    """
    if kind == "safetensors":
        raise UserError(
            "--with-preprocessing: a safetensors file holds weights alone\n"
            "give --format=stablehlo or --format=onnx"
        )
    network = take_whole(trained, size)
    # a sum next to one half may be rounded the other way
    difference = largest_pixel_difference(network)
    if difference > 1:
        raise UserError(
            f"--with-preprocessing={size}: pixels differ by {difference:g} of 255 from those of "
            "effjax predict\nexpected at most 1; nothing was written"
        )
    return network


def _refuse_difference(kind: str, difference: float, largest: float, fewer_bits: bool) -> None:
    """Refuses a file whose logits differ by more than rounding.

    Raises:
      UserError: with the difference and the tolerance.
    """
    # rounding grows with the logits; below 1 it does not shrink with them
    tolerance = FORMATS[kind].tolerance * max(1.0, largest)
    if fewer_bits:
        # a number next to the middle of two levels goes to the other one in another kernel
        tolerance = max(tolerance, OTHER_LEVELS * largest)
    # not `>`: a difference that is NaN is no agreement
    if not difference <= tolerance:
        raise UserError(
            f"the {kind} file computes something else: logits differ by up to "
            f"{difference:.2g}\nexpected at most {tolerance:.2g}; nothing was written"
        )


@contextlib.contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A place for the file and its companion; both move to `out` when nothing was raised.

    Raises:
      UserError: the disk refuses; nothing is left behind then.
    """
    # the innermost first, so that an empty one never keeps the one around it
    folders = (out.parent, *out.parent.parents)
    missing = [folder for folder in folders if not folder.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # in the same folder: a move between disks would be a copy, which can stop half-way
        with tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent) as folder:
            part = Path(folder) / out.name
            yield part
            part.replace(out)
            card_path(part).replace(card_path(out))
    except OSError as error:
        raise UserError(f"cannot write --out={out}: {error.strerror or error}") from error
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty: the files are there
                folder.rmdir()


def _default_out(trained: Trained, ending: str) -> Path:
    if is_remote(trained.name):
        # converters write to this machine only
        return Path(f"{as_path(trained.name).name}{ending}")
    folder = Path(trained.name)
    if folder.is_dir():
        return folder / f"model{ending}"
    return Path(f"{trained.name}{ending}")


def _shape(trained: Trained) -> str:
    height, width = input_size(trained)
    return f"uint8 [B, {height}, {width}, 3]"


def _gives(trained: Trained) -> str:
    return f"float32 [B, {trained.width}]"


def _state(trained: Trained) -> str:
    """What has to be done to an image before the file takes it."""
    if isinstance(trained, WholeImages):
        return "upright, as they are"
    return "resized and cropped"


def _interface(trained: Trained, kind: str) -> dict[str, Any]:
    """What the companion says about the file, beside what `make_card` says about the network."""
    if kind == "safetensors":
        return {"format": kind, "names": "timm"}
    takes = {
        "name": INPUT,
        "type": _shape(trained),
        "values": "RGB, 0 to 255",
        "images": _state(trained),
    }
    gives = {
        "name": output_name(trained),
        "type": _gives(trained),
        "meaning": GIVES[trained.gives],
    }
    inside = ["normalisation"]
    if isinstance(trained, WholeImages):
        inside = ["resize", "crop", "normalisation"]
    bits = bits_of(trained.model)
    return {
        "format": kind,
        "input": takes,
        "output": gives,
        "inside": inside,  # and so not to be done again
        "bits": dataclasses.asdict(bits) if bits else None,
    }


def _network(trained: Trained) -> Run:
    """The network in this process, as a function of arrays."""
    function = jax.jit(trained.logits)
    return lambda images: np.asarray(function(trained.variables, images))


def check(network: Run, exported: Run, size: tuple[int, int]) -> tuple[float, float]:
    """(largest difference of a logit, largest logit) over random images, batches of CHECKED.

    The difference is infinite if the shapes differ or a logit of the file is not finite.
    """
    difference = 0.0
    largest = 0.0
    rng = np.random.default_rng(0)
    for count in CHECKED:  # two batch sizes: the file must not have frozen the first
        images = rng.integers(0, 256, (count, *size, 3), np.uint8)
        expected = network(images)
        found = exported(images)
        largest = max(largest, float(np.abs(expected).max()))
        # shapes first: different ones may still broadcast below
        comparable = expected.shape == found.shape and np.isfinite(found).all()
        if not comparable:
            return float("inf"), largest
        gaps = np.abs(expected - found)
        difference = max(difference, float(gaps.max()))
    return difference, largest


def latency(runs: dict[str, Run], size: tuple[int, int], display: Display) -> list[tuple[str, ...]]:
    """Rows (images, milliseconds by each): medians of ROUNDS, alternating between the programs."""
    rows = []
    display.start(len(MEASURED) * ROUNDS)
    for place, count in enumerate(MEASURED):
        rng = np.random.default_rng(1)
        images = rng.integers(0, 256, (count, *size, 3), np.uint8)
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(WARM_UP + ROUNDS):
            # in turn: a change of the machine's clock meets both
            for name, run in runs.items():
                start_time = time.perf_counter()
                run(images)
                seconds[name].append(time.perf_counter() - start_time)
            if number >= WARM_UP:
                done = number - WARM_UP + 1
                display.update(place * ROUNDS + done, {})
        row = [str(count)]
        for times in seconds.values():
            milliseconds = 1e3 * np.median(times[WARM_UP:])
            row.append(f"{milliseconds:.2f} ms")
        rows.append(tuple(row))
    return rows
