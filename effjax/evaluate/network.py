"""Evaluates a trained network on labelled images in detail: tables, numbers, pictures."""

import contextlib
import dataclasses
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from effjax.data import DataConfig
from effjax.data.sources.open import whole_if_undivided
from effjax.errors import UserError
from effjax.evaluate.examine import (
    Examined,
    examine_attacks,
    examine_corruptions,
    examine_details,
    examine_features,
)
from effjax.evaluate.several import examine_several
from effjax.evaluate.shown import show_attacks, show_corruptions, show_details, show_features
from effjax.evaluate.worst import draw_mistakes, worst_mistakes
from effjax.report import Display
from effjax.runs.atomic import write_atomically
from effjax.runs.record import read_config
from effjax.trained.network import Trained

# what a run's `config.data` says about its images, as opposed to their preprocessing
IMAGE_KEYS = (
    "name",
    "data_dir",
    "train_split",
    "val_split",
    "val_share",
    "split_seed",
    "synthetic_examples",
    "synthetic_classes",
    # of a list: which of its columns are learned
    "label",
    "label_separator",
    "targets",
)
# the file of all numbers in --out
NUMBERS = "evaluation.json"
NUMBER_LIST = re.compile(r"\[\s+([-+\d.e,\s]+?)\s+\]")


def data_of(
    trained: Trained,
    workdir: Path | None,
    name: str | None,
    split: str | None,
    whole: bool = True,
) -> DataConfig:
    """The images of a run (or of `name`), prepared as the network wants them.

    Args:
      whole: other images than the run's are all for testing, if they have no splits of their own.

    Raises:
      UserError: neither a run nor a name.
    """
    # a file of weights has no run: then only `name` can say which images
    stored: dict[str, Any] = {}
    if workdir is not None:
        stored = (read_config(workdir) or {})["data"]
    facts = {key: stored[key] for key in IMAGE_KEYS if key in stored}
    facts["targets"] = tuple(facts.get("targets", ()))
    if name is not None:
        facts["name"] = name
    if split is not None:
        facts["val_split"] = split
    if "name" not in facts:
        raise UserError("on which images? give --data=NAME, a folder, a .zip or a .tar")
    preprocessing = trained.preprocessing
    data = DataConfig(
        image_size=preprocessing.size,
        eval_crop=preprocessing.crop,
        eval_interpolation=preprocessing.interpolation,
        mean=preprocessing.mean,
        std=preprocessing.std,
        on_error="skip",
        **facts,
    )
    is_other = name is not None and split is None
    if not (is_other and whole):
        return data
    return dataclasses.replace(data, val_split=whole_if_undivided(data, data.val_split))


def seed_of(workdir: Path | None) -> int:
    """The seed of a run's config, with which parts of its data are drawn; 0 without a run."""
    stored = read_config(workdir) if workdir is not None else None
    return (stored or {}).get("seed", 0)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be examined beside the details, and where the files go."""

    features: bool = False
    attack: bool = False
    corrupt: bool = False
    out: Path | None = None
    limit: int | None = None
    ignore_unknown: bool = False
    seed: int = 0  # of the draw of `limit` images


def evaluate_network(
    trained: Trained, data: DataConfig, display: Display, wanted: Wanted
) -> dict[str, Any]:
    """Examines the network and shows what was found; with `wanted.out` also as files there.

    Files: evaluation.json with all numbers, confusion.png, reliability.png, mistakes.png (what the
    network is surest of and wrong about), and with `corrupt` corruptions.png (what the damage looks
    like) and severities.png (error against severity).

    Returns:
      what evaluation.json holds.

    Raises:
      UserError: images that are missing, unreadable or of other classes, or a folder that cannot
        be written to.
    """
    for flag in ("features", "attack", "corrupt"):
        if getattr(wanted, flag):
            trained.meaning.needs_class(f"--{flag}")
    out = wanted.out
    if wanted.limit is not None and wanted.limit < 1:
        raise UserError(f"--limit={wanted.limit}: give 1 or more")
    if out is not None:
        # at once: after an hour of evaluation it is too late to learn that this is forbidden
        with writing_to(out):
            out.mkdir(parents=True, exist_ok=True)
    display.waiting(f"reading {data.name}")
    if trained.meaning.kind != "class":
        return _evaluate_several(trained, data, display, wanted)
    examined = Examined(trained, data, display, wanted.limit, wanted.ignore_unknown, wanted.seed)
    where = f"{trained.name} on {data.val_split} of {data.name}"
    scores, arrays = examine_details(examined)
    found = _what_was_examined(trained, data)
    found["drawn"] = examined.drawn(examined.held_out)
    found |= scores
    with writing_to(out):
        found |= show_details(where, found, arrays, trained, display, out)
        found["worst_mistakes"] = worst_mistakes(examined.held_out, arrays, trained.labels)
        if out is not None and found["worst_mistakes"]:
            draw_mistakes(out / "mistakes.png", examined.held_out, found["worst_mistakes"])
    if wanted.features:
        found |= examine_features(examined)
        show_features(found, display)
    if wanted.attack:
        found["attack"] = examine_attacks(examined)
        show_attacks(found, display)
    if wanted.corrupt:
        found["corruptions"] = examine_corruptions(examined)
        with writing_to(out):
            show_corruptions(where, found["corruptions"], examined.held_out, display, out)
    if out is not None:
        with writing_to(out):
            write_numbers(out / NUMBERS, found)
        display.line(f"numbers and pictures: {out}")
    return found


def _evaluate_several(
    trained: Trained, data: DataConfig, display: Display, wanted: Wanted
) -> dict[str, Any]:
    """`evaluate_network` of a network of labels or numbers: tables and evaluation.json."""
    scores = examine_several(
        trained, data, display, wanted.limit, wanted.seed, wanted.ignore_unknown
    )
    found = _what_was_examined(trained, data) | scores
    if wanted.out is not None:
        with writing_to(wanted.out):
            write_numbers(wanted.out / NUMBERS, found)
        display.line(f"numbers: {wanted.out / NUMBERS}")
    return found


def _what_was_examined(trained: Trained, data: DataConfig) -> dict[str, Any]:
    return {
        "network": trained.name,
        "weights": trained.weights,
        "data": data.name,
        "split": data.val_split,
    }


@contextlib.contextmanager
def writing_to(out: Path | None, flag: str = "--out") -> Iterator[None]:
    """Turns a full disk or a folder without permission into one line.

    Raises:
      UserError: naming the folder and the reason.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {flag}={out}: {error.strerror or error}") from error


def write_numbers(path: Path, numbers: dict[str, Any]) -> None:
    """Writes numbers as JSON, whole or not at all; NaN becomes null.

    Raises:
      OSError: there is no room, or no folder.
    """
    text = json.dumps(without_nan(numbers), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, NUMBER_LIST.sub(_on_one_line, text) + "\n")


def _on_one_line(numbers: re.Match) -> str:
    """A list of numbers, such as a row of the confusion matrix, without its line breaks."""
    return f"[{' '.join(numbers[1].split())}]"


def without_nan(value: Any) -> Any:
    """`value` with None in place of every float that is not finite: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
