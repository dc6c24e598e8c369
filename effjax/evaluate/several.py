"""An evaluation in detail of a network of several labels an image, or of numbers.

Shapes: N examples, T targets of the data, K outputs of the network.
"""

from typing import Any

import jax
import numpy as np

from effjax.data import DataConfig, Split, open_split
from effjax.data.class_names import UNKNOWN, match_classes, require_known
from effjax.data.sources.drawn import Drawn
from effjax.errors import UserError, printable
from effjax.evaluate.examined import BATCH
from effjax.report import Display
from effjax.tasks.ranking import auc, average_precision, f1
from effjax.tasks.targets import table_of
from effjax.trained.network import Trained
from effjax.trained.spread import Spread

Array = np.ndarray
Row = dict[str, Any]  # of evaluation.json: what is said of one target
HEADERS = {
    "labels": ("images", "recall", "precision", "f1", "auc", "average_precision"),
    "numbers": ("mean", "mae", "rmse", "bias", "r2"),
}
# as a table says it
SHOWN = {"f1": "F1", "auc": "AUC", "average_precision": "AP", "mae": "MAE", "rmse": "RMSE"}


def examine_several(
    trained: Trained,
    data: DataConfig,
    display: Display,
    limit: int | None,
    seed: int,
    ignore_unknown: bool,
) -> dict[str, Any]:
    """What evaluation.json says of a network of labels or numbers; a table of each is shown.

    Args:
      limit: at most so many images, drawn with `seed`; None: all.
      ignore_unknown: leave out targets that the network does not know.

    Raises:
      UserError: images with one class each, other targets than the network's, or none that can be
        read.
    """
    kind = trained.meaning.kind
    spread = Spread(BATCH if limit is None else min(BATCH, limit))
    split = open_split(
        data, data.val_split, seed=seed, batch_size=spread.batch, train=False, draw=limit
    )
    table, names = table_of(split.examples)
    if table is None:
        raise UserError(
            f"{printable(data.name)} has one class an image, {trained.name} gives {kind}\n"
            "evaluate it on a .csv list with the columns that it was trained on"
        )
    match = match_classes(names, trained.labels)
    if not ignore_unknown:
        require_known(match, printable(data.name), trained.name)
    known = np.flatnonzero(match.mapping != UNKNOWN)
    outputs, rows = _outputs(trained, split, spread, display)
    outputs = outputs[:, match.mapping[known]]  # [N, T]
    targets = table[rows][:, known]
    measure = _of_label if kind == "labels" else _of_number
    each: list[Row] = []
    for place, row in enumerate(known):
        one = measure(outputs[:, place], targets[:, place])
        each.append({"name": names[row], **one})
    found: dict[str, Any] = {"images": len(outputs)}
    for key in HEADERS[kind][1:]:
        found[f"mean_{key}"] = _mean([one[key] for one in each])
    found[kind] = each
    drawn = str(split.examples) if isinstance(split.examples, Drawn) else None
    found["drawn"] = drawn
    title = f"{trained.name} on {data.val_split} of {data.name} ({drawn or f'{len(outputs):,}'})"
    _show(title, kind, found, display)
    return found


def _outputs(
    trained: Trained, split: Split, spread: Spread, display: Display
) -> tuple[Array, Array]:
    """(what the network gives [N, K], the rows of the table [N]) of the images that can be read."""
    network = jax.jit(trained.logits)
    variables = spread.copy(trained.variables)
    outputs = []
    rows = []
    display.start(split.steps_per_epoch, images=spread.batch)
    with split.batches() as batches:
        for step, batch in enumerate(batches):
            real = batch["mask"] > 0
            sent = spread.send(image=batch["image"])["image"]
            outputs.append(np.asarray(network(variables, sent), np.float64)[real])
            rows.append(batch["label"][real])
            display.update(step + 1, {})
    display.close()
    if not sum(map(len, rows)):
        raise UserError("none of the images can be read\nsee what is wrong: effjax data check")
    return np.concatenate(outputs), np.concatenate(rows)


def _of_label(logits: Array, targets: Array) -> Row:
    """The scores of one label from logits and targets [N]; NaN where there is nothing to say."""
    positive = targets > 0.5
    chosen = logits > 0  # a probability above one half
    both = int((chosen & positive).sum())
    return {
        "images": int(positive.sum()),
        "recall": _ratio(both, positive.sum()),
        "precision": _ratio(both, chosen.sum()),
        "f1": f1(chosen, positive),
        "auc": auc(logits, positive),
        "average_precision": average_precision(logits, positive),
    }


def _of_number(found: Array, targets: Array) -> Row:
    """The errors of one number [N], in its own units."""
    errors = found - targets
    squared = float(np.square(errors).mean())
    spread = float(targets.var())
    return {
        "mean": float(targets.mean()),
        "mae": float(np.abs(errors).mean()),
        "rmse": squared**0.5,
        "bias": float(errors.mean()),
        # 1: all is explained; 0: no better than the mean of these images
        "r2": 1 - squared / spread if spread else float("nan"),
    }


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values: list[float]) -> float:
    """The mean of those that are defined; NaN if none is."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _show(title: str, kind: str, found: dict[str, Any], display: Display) -> None:
    keys = HEADERS[kind]
    rows = []
    for one in found[kind]:
        rows.append((one["name"], *(_number(one[key]) for key in keys)))
    means = ["" if key == keys[0] else _number(found[f"mean_{key}"]) for key in keys]
    rows.append(("mean", *means))
    header = (kind.removesuffix("s"), *(SHOWN.get(key, key) for key in keys))
    display.table(title, rows, header, right=range(1, len(header)))


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if np.isnan(value) else f"{value:.4g}"
