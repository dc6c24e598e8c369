"""What `effjax data check --write` keeps of a data set for the configs that train on it."""

import json
from pathlib import Path
from typing import Any, TypedDict

from effjax.config import read_json
from effjax.data.tools.check import Report
from effjax.errors import UserError

DIGITS = 4  # of mean and deviation: more are noise


class StatisticsFile(TypedDict):
    """The file.

    Attributes:
      name: what `data.name` said.
      mean, std: of the training pixels, per channel, scaled to 0..1.
      classes: {split: {class: number of images}}.
    """

    name: str
    mean: list[float]
    std: list[float]
    classes: dict[str, dict[str, int]]


def write_statistics(path: Path, source: str, report: Report) -> None:
    """Writes what was found.

    Raises:
      UserError: there are no training images, or the file cannot be written.
    """
    if min(report.std) <= 0:
        raise UserError(
            f"--write={path}: the training pixels of {source} have no spread; nothing to write"
        )
    content: StatisticsFile = {
        "name": source,
        "mean": _rounded(report.mean),
        "std": _rounded(report.std),
        "classes": report.counts,
    }
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write --write={path}: {error.strerror}") from error


def read_statistics(path: str | Path) -> dict[str, Any]:
    """{"name", "mean", "std"} of such a file, for a config:

        config.data.update(effjax.data.read_statistics("photos.json"))

    Raises:
      UserError: there is no such file, or it is damaged.
    """
    remedy = f"make it: effjax data check PHOTOS --write={path}"
    content = read_json(Path(path), StatisticsFile, remedy)
    return {
        "name": content["name"],
        "mean": tuple(content["mean"]),
        "std": tuple(content["std"]),
    }


def as_overrides(report: Report) -> str:
    """Mean and deviation as they are typed on the command line."""
    mean = ",".join(map(str, _rounded(report.mean)))
    std = ",".join(map(str, _rounded(report.std)))
    return f"'--config.data.mean=({mean})' '--config.data.std=({std})'"


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [round(value, DIGITS) for value in values]
