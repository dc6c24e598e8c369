"""Shows what an evaluation has found: tables, and pictures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.data import Split
from effjax.evaluate.attack import EPSILONS
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.scores import area_under_roc, by_class, calibration, confusion
from effjax.report import Display, draw_confusion, draw_reliability, draw_severities, draw_sheet
from effjax.trained.network import Trained

SHOWN_CLASSES = 20
TOP = 5


def _percent(share: float) -> str:
    if np.isnan(share):  # there was nothing to divide by
        return "-"
    return f"{share:.1%}"


def show_details(
    where: str,
    scores: dict[str, Any],
    arrays: dict[str, np.ndarray],
    trained: Trained,
    display: Display,
    out: Path | None,
) -> dict[str, Any]:
    """Shows the scores and a table by class; draws the confusion matrix and the reliability.

    Returns:
      What evaluation.json says of classes: {"mean_recall", "mean_f1", "mean_auc", "classes",
      "confusion"}. "classes" is a dict a class, the hardest first.
    """
    names = trained.labels
    logits = arrays["logits"]
    labels = arrays["labels"]
    counts = confusion(logits, labels)
    # not `counts.sum(1)`: the matrix leaves out images without a prediction
    examples = np.bincount(labels, minlength=len(counts))
    each = by_class(counts, examples)
    each["auc"] = area_under_roc(logits, labels)
    classes = class_dicts(each, names)
    means = _means(classes)
    title = where
    if scores.get("drawn"):
        title += f" ({scores['drawn']})"
    display.table(title, _score_rows(scores | means, len(names)))
    rows = [_class_row(one) for one in classes]
    title = "by class, the hardest first"
    if len(rows) > SHOWN_CLASSES:
        title += f" ({SHOWN_CLASSES} of {len(rows)})"
    header = ("class", "images", "recall", "precision", "F1", "AUC", "most taken for")
    display.table(title, rows[:SHOWN_CLASSES], header, right=range(1, 6))
    if out is not None:
        title = f"{where}: {scores['top1']:.1%}"
        draw_confusion(out / "confusion.png", counts, names, title)
        bins = calibration(logits, labels)
        title = f"{trained.name}: calibration error {bins.error:.3f}"
        draw_reliability(
            out / "reliability.png",
            bins.edges,
            bins.counts,
            bins.accuracy,
            title,
        )
    matrix = {"labels": list(names), "rows": "true", "columns": "predicted"}
    matrix["counts"] = counts.tolist()
    return {**means, "classes": classes, "confusion": matrix}


def _class_means(scores: dict[str, Any]) -> str:
    recall = _percent(scores["mean_recall"])
    return f"recall {recall}, F1 {_number(scores['mean_f1'])}, AUC {_number(scores['mean_auc'])}"


def class_dicts(each: dict[str, np.ndarray], names: Sequence[str]) -> list[dict[str, Any]]:
    """A dict for each class that has images, the hardest first; numbers as numbers.

    Args:
      each: what `by_class` gives, and "auc", each [K].
      names: of the classes, K of them.
    """
    found = []
    for k in np.argsort(each["recall"], kind="stable"):
        if not each["examples"][k]:
            continue
        other = int(each["mistaken_for"][k])
        one: dict[str, Any] = {"class": names[k], "images": int(each["examples"][k])}
        for key in ("recall", "precision", "f1", "auc"):
            one[key] = float(each[key][k])
        one["taken_for"] = names[other] if other >= 0 else None  # not names[-1], the last class
        found.append(one)
    return found


def _means(classes: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over the classes that have images: each class counts alike."""
    means = {}
    for key in ("recall", "f1", "auc"):
        values = [one[key] for one in classes]
        means[f"mean_{key}"] = float(np.mean(values))
    return means


def _class_row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["class"],
        f"{one['images']:,}",
        _percent(one["recall"]),
        _percent(one["precision"]),
        _number(one["f1"]),
        _number(one["auc"]),
        one["taken_for"] or "-",
    )


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def _score_rows(scores: dict[str, Any], classes: int) -> list[tuple[str, str]]:
    by_network = scores["images_per_sec"]
    speed = f"{by_network:,.0f} images/s by the network"
    # a single batch gives no speed of reading
    if "images_per_sec_from_files" in scores:
        from_files = scores["images_per_sec_from_files"]
        speed += f", {from_files:,.0f} from the files"
    rows = [("top-1", f"{scores['top1']:.2%} of {scores['images']:,}")]
    # of five classes the five likeliest are always right
    if classes > TOP:
        rows.append(("top-5", f"{scores['top5']:.2%}"))
    rows += [
        ("loss", f"{scores['loss']:.4f}"),
        ("mean over classes", _class_means(scores)),
        ("calibration error", f"{scores['calibration_error']:.4f}"),
        ("throughput", speed),
    ]
    if scores.get("weights"):
        rows.append(("weights", scores["weights"]))
    return rows


def show_features(found: dict[str, Any], display: Display) -> None:
    """k-NN and linear probe as a table."""
    rows = [
        ("k-NN (20)", f"top-1 {found['knn_top1']:.2%}"),
        ("linear probe", f"top-1 {found['linear_probe_top1']:.2%}"),
    ]
    fitted = found["training_images_drawn"] or f"{found['training_images']:,} images"
    display.table(f"features, fitted on the training split: {fitted}", rows)


def show_attacks(found: dict[str, Any], display: Display) -> None:
    """Top-1 under attack: a row for each epsilon."""
    clean = f"{found['top1']:.1%}"
    fgsm = found["attack"]["fgsm"]
    pgd = found["attack"]["pgd"]
    rows = [("0", clean, clean)]
    for epsilon in EPSILONS:
        key = str(epsilon)  # as JSON has it
        row = (
            f"{epsilon}/255",
            f"{fgsm[key]:.1%}",
            f"{pgd[key]:.1%}",
        )
        rows.append(row)
    header = ("epsilon", "FGSM", "PGD (10)")
    display.table("top-1 under attack", rows, header, right=(0, 1, 2))


def show_corruptions(
    where: str, found: dict[str, Any], split: Split, display: Display, out: Path | None
) -> None:
    """Errors of every kind and severity; relative: beyond that on clean images."""
    clean = found["clean"]
    errors_of_kinds = found["errors"]
    rows = []
    for kind, errors in errors_of_kinds.items():
        rows.append(_error_row(kind, errors, clean))
    over_kinds = np.mean(list(errors_of_kinds.values()), axis=0)
    rows.append(_error_row("all", over_kinds, clean))
    header = ("damage", *map(str, SEVERITIES), "mean", "relative")
    title = f"error in percent at five severities ({100 * clean:.1f} without damage)"
    display.table(title, rows, header, right=range(1, len(header)))
    if out is None:
        return
    draw_severities(out / "severities.png", errors_of_kinds, clean, where)
    with split.batches() as batches:
        first_batch = next(batches)
    image = first_batch["image"][0]
    cells = _examples_of_damage(image)
    columns = 1 + len(SEVERITIES)  # the image itself, and a column a severity
    draw_sheet(out / "corruptions.png", cells, columns=columns)


def _error_row(kind: str, errors: Sequence[float], clean: float) -> tuple[str, ...]:
    mean = float(np.mean(errors))
    relative = mean - clean
    row = [kind]
    for error in (*errors, mean, relative):
        row.append(f"{100 * error:.1f}")
    return tuple(row)


def _examples_of_damage(image: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """(picture, caption): a row a kind, the image itself first."""
    cells = []
    for kind in CORRUPTIONS:
        cells.append((image, f"{kind}\nas it is"))
        for severity in SEVERITIES:
            damaged = corrupt(image, kind, severity, 0)
            # two lines, as the first cell of a row has: captions of a row are equally high
            cells.append((damaged, f"severity {severity}\n"))
    return cells
