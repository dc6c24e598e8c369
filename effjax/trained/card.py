"""The companion of an exported file: what one has to know to use the network.

`effjax export` writes F.json beside F.onnx, F.safetensors or F.stablehlo.
"""

import dataclasses
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from effjax import plugins
from effjax.config import read_json
from effjax.models import without_tag
from effjax.trained.meaning import ONE_CLASS, read_meaning
from effjax.trained.network import Preprocessing, Trained


class PreprocessingCard(TypedDict):
    """`Preprocessing` as JSON data; keys that are left out have their defaults."""

    size: tuple[int, int]


class Card(TypedDict):
    """What `read_card` relies on."""

    model: str
    architecture: dict[str, Any]
    num_classes: int
    preprocessing: PreprocessingCard
    labels: list[str]
    meaning: NotRequired[dict[str, Any]]
    plugins: NotRequired[list[dict[str, str]]]


def card_path(path: Path) -> Path:
    """Where the companion of an exported file is: F.json beside F.onnx."""
    return path.with_suffix(".json")


def make_card(trained: Trained) -> dict[str, Any]:
    """What one has to know to use the network, as JSON data."""
    return {
        "model": without_tag(trained.base),
        "architecture": dataclasses.asdict(trained.model.architecture),
        "num_classes": trained.model.num_classes,
        "preprocessing": describe_preprocessing(trained.preprocessing),
        "labels": list(trained.labels),
        "meaning": trained.meaning.to_json(),
        "plugins": plugins.to_record(),
    }


def describe_preprocessing(preprocessing: Preprocessing) -> dict[str, Any]:
    """All that a program has to do with an image, as JSON data."""
    transform = preprocessing.transform()
    return dataclasses.asdict(preprocessing) | {
        "orientation": "as EXIF says: upright",
        "transparency": "over white",
        "resize": transform.resized,
        "resize_rule": "in proportion, to the smallest size that is at least so high and wide",
        "antialias": True,
        "crop_rule": "the centre, of `size`",
    }


def read_card(weights: Path) -> dict[str, Any] | None:
    """What `make_card` recorded beside a weights file; None if there is no such file.

    Raises:
      UserError: the companion is cut off, or is none of ours.
    """
    path = card_path(weights)
    if not path.is_file():
        return None
    remedy = "export the network again, or remove this file and give --model=M"
    # keys that a later version may add are kept
    card: dict[str, Any] = dict(read_json(path, Card, remedy))
    plugins.remember(card.get("plugins", []))
    card["preprocessing"] = read_preprocessing(card["preprocessing"])
    # files of earlier revisions have classes
    meaning = card.get("meaning")
    card["meaning"] = read_meaning(meaning) if meaning else ONE_CLASS
    return card


def read_preprocessing(fields: dict[str, Any]) -> Preprocessing:
    """`Preprocessing` of JSON data, where tuples are lists; other keys are left out."""
    known = {field.name for field in dataclasses.fields(Preprocessing)}
    values = {}
    for name, value in fields.items():
        if name in known:
            # JSON has lists only, and a frozen dataclass is to be hashable
            values[name] = tuple(value) if isinstance(value, list) else value
    return Preprocessing(**values)
