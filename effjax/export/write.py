"""`effjax export`: writes a network, records what it needs beside it, and checks the file.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.config import as_path, is_remote
from effjax.errors import UserError, nearest
from effjax.export.formats import FORMATS, INPUT, OUTPUT, Run
from effjax.report import Display, format_bytes
from effjax.trained.card import card_path, make_card
from effjax.trained.network import Trained

CHECKED = (3, 1)  # batch sizes of the check
MEASURED = (1, 8, 32)  # batch sizes of the latency table
ROUNDS, WARM = 20, 3


def export(
    trained: Trained, kind: str, out: Path | None, display: Display, measure: bool = False
) -> dict[str, Any]:
    """Writes the network as `kind`, its companion F.json, and compares both on random images.

    The computation is in float32 whatever the network was trained in.

    Args:
      kind: one of FORMATS.
      out: the file; None: named after the network, in the run's folder if it has one.
      measure: also time a batch of each size of MEASURED.

    Returns:
      {"file", "bytes", "difference", "largest"}: `difference` is the largest of any logit.

    Raises:
      UserError: an unknown format, a package that is missing, a file that cannot be written, or
        one that computes something else.
    """
    if kind not in FORMATS:
        raise UserError(f"--format={kind}: {nearest(kind, FORMATS)}")
    form = FORMATS[kind]
    out = _default_out(trained, form.ending) if out is None else out
    if out.suffix != form.ending:
        raise UserError(f"--out={out}: {kind} files are called *{form.ending}")
    model = trained.model.clone(dtype=jnp.float32)
    trained = dataclasses.replace(trained, model=model)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        card = make_card(trained) | _interface(trained, kind)
        card_path(out).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        display.waiting(f"writing {out}")
        form.write(trained, out)
    except OSError as error:
        raise UserError(f"cannot write --out={out}: {error.strerror}") from error
    display.waiting("checking the file")
    own, theirs = _own(trained), form.open(out)
    difference, largest = check(own, theirs, trained.preprocessing.size)
    display.table(
        f"{trained.name} as {kind}",
        [
            ("file", f"{out}, {format_bytes(out.stat().st_size)}"),
            ("beside it", f"{card_path(out)}: preprocessing, labels, architecture"),
            ("takes", f"{INPUT}: {_shape(trained)}, RGB, resized and cropped"),
            ("gives", f"{OUTPUT}: float32 [B, {trained.model.num_classes}]"),
            ("difference", f"{difference:.2g} at most, of logits up to {largest:.3g}"),
        ],
    )
    if not difference <= form.tolerance * max(1.0, largest):
        raise UserError(
            f"{out} computes something else: logits differ by up to {difference:.2g}\n"
            f"expected at most {form.tolerance * max(1.0, largest):.2g}; do not use this file"
        )
    if measure:
        rows = latency({"effjax": own, kind: theirs}, trained.preprocessing.size, display)
        display.table("latency, median of 20", rows, ("images", "effjax", kind), right=(0, 1, 2))
    return {"file": out, "bytes": out.stat().st_size, "difference": difference, "largest": largest}


def _default_out(trained: Trained, ending: str) -> Path:
    if is_remote(trained.name):  # the file is to be looked at here
        return Path(f"{as_path(trained.name).name}{ending}")
    folder = Path(trained.name)
    return folder / f"model{ending}" if folder.is_dir() else Path(f"{trained.name}{ending}")


def _shape(trained: Trained) -> str:
    height, width = trained.preprocessing.size
    return f"uint8 [B, {height}, {width}, 3]"


def _interface(trained: Trained, kind: str) -> dict[str, Any]:
    """What the companion says of a file beside what `make_card` says of the network."""
    if kind == "safetensors":
        return {"format": kind, "names": "timm"}
    return {
        "format": kind,
        "input": {"name": INPUT, "type": _shape(trained), "values": "RGB, 0 to 255"},
        "output": {"name": OUTPUT, "type": f"float32 [B, {trained.model.num_classes}]"},
        "normalisation": "inside: mean and std are not to be applied again",
    }


def _own(trained: Trained) -> Run:
    function = jax.jit(trained.logits)
    return lambda images: np.asarray(function(trained.variables, images))


def check(own: Run, theirs: Run, size: tuple[int, int]) -> tuple[float, float]:
    """(largest difference of a logit, largest logit) over random images, batches of CHECKED."""
    difference = largest = 0.0
    rng = np.random.default_rng(0)
    for count in CHECKED:
        images = rng.integers(0, 256, (count, *size, 3), np.uint8)
        expected, found = own(images), theirs(images)
        if expected.shape != found.shape:
            return float("inf"), float(np.abs(expected).max())
        difference = max(difference, float(np.abs(expected - found).max()))
        largest = max(largest, float(np.abs(expected).max()))
    return difference, largest


def latency(runs: dict[str, Run], size: tuple[int, int], display: Display) -> list[tuple[str, ...]]:
    """Rows (images, milliseconds by each): medians of ROUNDS, alternating between the programs."""
    rows = []
    display.start(len(MEASURED) * ROUNDS)
    for place, count in enumerate(MEASURED):
        images = np.random.default_rng(1).integers(0, 256, (count, *size, 3), np.uint8)
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(WARM + ROUNDS):
            for name, run in runs.items():
                began = time.perf_counter()
                run(images)
                taken[name].append(time.perf_counter() - began)
            if number >= WARM:
                display.update(place * ROUNDS + number - WARM + 1, {})
        medians = [f"{1e3 * np.median(times[WARM:]):.2f} ms" for times in taken.values()]
        rows.append((str(count), *medians))
    return rows
