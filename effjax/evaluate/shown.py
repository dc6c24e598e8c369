"""Shows what an evaluation has found: tables, and pictures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.data import Split
from effjax.evaluate.attack import EPSILONS
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.scores import by_class, calibration, confusion
from effjax.report import Display, draw_confusion, draw_reliability, draw_severities, draw_sheet
from effjax.trained.network import Trained

SHOWN_CLASSES = 20
CLASS_KEYS = ("class", "images", "found", "right", "taken_for")  # of evaluation.json


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"


def show_details(
    where: str,
    scores: dict[str, Any],
    arrays: dict[str, np.ndarray],
    trained: Trained,
    display: Display,
    out: Path | None,
) -> list[dict[str, str]]:
    """Shows the scores and a table by class; draws the confusion matrix and the reliability.

    Returns:
      The table by class, a dict a class, the hardest first.
    """
    names = trained.labels
    display.table(where, _score_rows(scores))
    logits, labels = arrays["logits"], arrays["labels"]
    counts = confusion(logits, labels)
    rows = _class_rows(counts, np.bincount(labels, minlength=len(counts)), names)
    title = "by class, the hardest first"
    if len(rows) > SHOWN_CLASSES:
        title += f" ({SHOWN_CLASSES} of {len(rows)})"
    header = ("class", "images", "found", "right", "most taken for")
    display.table(title, rows[:SHOWN_CLASSES], header, right=(1, 2, 3))
    if out is not None:
        draw_confusion(out / "confusion.png", counts, names, f"{where}: {scores['top1']:.1%}")
        bins = calibration(logits, labels)
        title = f"{trained.name}: calibration error {bins.error:.3f}"
        draw_reliability(out / "reliability.png", bins.edges, bins.counts, bins.accuracy, title)
    return [dict(zip(CLASS_KEYS, row)) for row in rows]


def _score_rows(scores: dict[str, Any]) -> list[tuple[str, str]]:
    speed = f"{scores['images_per_sec']:,.0f} images/s by the network"
    if "images_per_sec_from_files" in scores:
        speed += f", {scores['images_per_sec_from_files']:,.0f} from the files"
    return [
        ("top-1", f"{scores['top1']:.2%} of {scores['images']:,}"),
        ("top-5", f"{scores['top5']:.2%}"),
        ("loss", f"{scores['loss']:.4f}"),
        ("calibration error", f"{scores['calibration_error']:.4f}"),
        ("throughput", speed),
    ]


def _class_rows(
    counts: np.ndarray, examples: np.ndarray, names: Sequence[str]
) -> list[tuple[str, str, str, str, str]]:
    """(class, images, recall, precision, mistaken for) of the classes with images."""
    each = by_class(counts, examples)
    rows = []
    for k in np.argsort(each["recall"]):
        if not examples[k]:
            continue
        other = each["mistaken_for"][k]
        row = (
            names[k],
            f"{examples[k]:,}",
            _percent(each["recall"][k]),
            _percent(each["precision"][k]),
            names[other] if other >= 0 else "-",
        )
        rows.append(row)
    return rows


def show_features(found: dict[str, Any], display: Display) -> None:
    """k-NN and linear probe as a table."""
    rows = [
        ("k-NN (20)", f"top-1 {found['knn_top1']:.2%}"),
        ("linear probe", f"top-1 {found['linear_probe_top1']:.2%}"),
    ]
    display.table(f"features, fitted on {found['training_images']:,} training images", rows)


def show_attacks(found: dict[str, Any], display: Display) -> None:
    """Top-1 under attack: a row for each epsilon."""
    clean = f"{found['top1']:.1%}"
    rows = [("0", clean, clean)]
    for epsilon in EPSILONS:
        fgsm = found["attack"]["fgsm"][str(epsilon)]
        pgd = found["attack"]["pgd"][str(epsilon)]
        rows.append((f"{epsilon}/255", f"{fgsm:.1%}", f"{pgd:.1%}"))
    display.table("top-1 under attack", rows, ("epsilon", "FGSM", "PGD (10)"), right=(0, 1, 2))


def show_corruptions(
    where: str, found: dict[str, Any], split: Split, display: Display, out: Path | None
) -> None:
    """Errors of every kind and severity; relative: beyond that on clean images."""
    clean = found["clean"]
    rows = [_error_row(kind, errors, clean) for kind, errors in found["errors"].items()]
    over_kinds = np.mean(list(found["errors"].values()), axis=0)
    rows.append(_error_row("all", over_kinds, clean))
    header = ("damage", *map(str, SEVERITIES), "mean", "relative")
    title = f"error in percent at five severities ({100 * clean:.1f} without damage)"
    display.table(title, rows, header, right=range(1, len(header)))
    if out is not None:
        draw_severities(out / "severities.png", found["errors"], clean, where)
        with split.batches() as batches:
            image = next(batches)["image"][0]
        draw_sheet(out / "corruptions.png", _examples_of_damage(image), columns=6)


def _error_row(kind: str, errors: Sequence[float], clean: float) -> tuple[str, ...]:
    mean = float(np.mean(errors))
    return (kind, *(f"{100 * error:.1f}" for error in (*errors, mean, mean - clean)))


def _examples_of_damage(image: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """(picture, caption): a row a kind, the image itself first."""
    cells = []
    for kind in CORRUPTIONS:
        cells.append((image, f"{kind}\nas it is"))
        for severity in SEVERITIES:
            cells.append((corrupt(image, kind, severity, 0), f"severity {severity}\n"))
    return cells
