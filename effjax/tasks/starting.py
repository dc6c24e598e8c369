"""What `config.init_from` names: weights, the classes that they know, and whose they are.

Shapes: K classes of the model, K' of the weights.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from effjax import models
from effjax.config import View, as_path, read_json
from effjax.contract import Variables
from effjax.data.class_names import match_classes
from effjax.errors import UserError
from effjax.models import TRAINING_FIELDS, ImageModel
from effjax.runs.best import split_network, split_step
from effjax.runs.folder import CONFIG
from effjax.runs.record import read_labels
from effjax.tasks.trained_network import found_network, has_found, trained_network


class Companion(TypedDict):
    """What is read of the file beside exported weights, F.json beside F.safetensors."""

    labels: NotRequired[list[str]]


@dataclasses.dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
      source: what `config.init_from` says.
      weights: what `models.load_weights` takes.
      labels: the names of their classes, K'; () where they are not known.
      model: the network that they belong to; None: a file does not tell.
    """

    source: str
    weights: Any
    labels: tuple[str, ...]
    model: ImageModel | None = None


def find_start(source: str) -> Start:
    """A run's folder (a search's: the network it found), a file, or a published name.

    "runs/x:best" and "runs/x:12" name a checkpoint of the run, "runs/x:teacher" one of its two
    networks.

    Raises:
      UserError: a folder without a checkpoint, or a run that trains no network.
    """
    place, network = split_network(source)
    place, step = split_step(place)
    folder = as_path(place)
    if has_found(folder):
        model, variables, _ = found_network(folder, step)
    elif (folder / CONFIG).exists():
        task, variables = trained_network(folder, step, network=network)
        model = task.model
    else:
        return Start(source, source, _labels_beside(as_path(source)))
    weights = models.weights.to_torch(model, variables)
    # an encoder without a classifier knows no classes, whatever its images had
    labels = tuple(read_labels(folder)) if model.num_classes else ()
    return Start(source, weights, labels, model)


def _labels_beside(weights: Path) -> tuple[str, ...]:
    """The class names that `effjax export` wrote beside a weights file."""
    companion = weights.with_suffix(".json")
    if weights.suffix != ".safetensors" or not companion.is_file():
        return ()
    try:
        content = read_json(companion, Companion, "")
    except UserError:  # a file of another program
        return ()
    return tuple(content.get("labels", ()))


def classifier_rows(
    ours: Sequence[str], classes: int, labels: Sequence[str]
) -> tuple[list[int] | None, list[str]]:
    """Which class of the weights each class of the model starts from, by name.

    Args:
      ours: the names of the data's classes.
      classes: K; those beyond `ours` have no name.
      labels: the names of the weights' classes, K'.

    Returns:
      (rows, names): rows [K] as `load_weights` takes them, -1 for a class that the weights do not
      know; [] if they know none; None where the whole classifier fits as it is. `names` are those
      of the classes that were found.
    """
    match = match_classes(ours, labels)
    if match.by == "order":  # the weights' classes have no names: their number is all there is
        return None, []
    rows = match.mapping.tolist()
    found = [name for name, row in zip(ours, rows) if row >= 0]
    if not found:
        return [], []
    rows += [-1] * (classes - len(rows))
    if rows == list(range(len(labels))):
        return None, found
    return rows, found


def explain_mismatch(start: Start, model: ImageModel, name: str) -> str | None:
    """Two lines on how the weights' architecture differs from `model`; None: it does not."""
    if start.model is None:
        return None
    theirs, ours = start.model.architecture, model.architecture
    remedy = f"take its architecture: --config.model.name={start.source}"
    if type(theirs) is not type(ours):
        return f"{start.source} is a {type(start.model).__name__}, {name} is another\n{remedy}"
    different = []
    for field in dataclasses.fields(theirs):
        value = getattr(theirs, field.name)
        if field.name not in TRAINING_FIELDS and value != getattr(ours, field.name):
            different.append(f"{field.name}={value}")
    if not different:
        return None
    listed = ", ".join(different[:3])
    if len(different) > 3:
        listed += f" and {len(different) - 3} more"
    return f"{start.source} has {listed}, which config.model ({name}) has not\n{remedy}"


def load_start(
    model: ImageModel, variables: Variables, source: str, ours: Sequence[str], config: View
) -> tuple[Variables, dict[str, Any]]:
    """`variables` with the weights of `source`, see `find_start`, and a report of what was loaded.

    Where the weights' classes have names, the classifier keeps the rows of those that the data has
    too, in the data's order; if there are none it stays fresh.

    Args:
      ours: the names of the data's classes.
      config: of the run.

    Raises:
      UserError: weights that do not fit; it says which architecture they are of, where that is
        known.
    """
    start = find_start(source)
    rows = None
    matched = []
    if start.labels and model.num_classes:
        rows, matched = classifier_rows(ours, model.num_classes, start.labels)
    try:
        loaded, report = models.load_weights(
            model,
            variables,
            start.weights,
            ignore=config.init_ignore,
            rename=dict(config.init_rename),
            classes=rows,
            # what was learned without labels has no classifier
            fresh_classifier=True,
        )
    except UserError as error:
        reason = explain_mismatch(start, model, config.model.name)
        raise UserError(reason or str(error)) from error
    return loaded, vars(report) | {"classes known by name": matched}
