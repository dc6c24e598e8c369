"""How what was found about a network is shown: tables, and pictures in a folder."""

from pathlib import Path
from typing import Any

import numpy as np

from effjax.data import Split
from effjax.evaluate.attack import EPSILONS
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.scores import by_class, calibration, confusion
from effjax.report import Display, draw_confusion, draw_reliability, draw_severities, draw_sheet
from effjax.trained.network import Trained


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"


def show_details(
    where: str,
    scores: dict[str, Any],
    arrays: dict[str, np.ndarray],
    trained: Trained,
    split: Split,
    display: Display,
    out: Path | None,
    found: dict[str, Any],
) -> None:
    """The scores, a table by class, and with `out` the confusion matrix and the reliability."""
    names = tuple(split.class_names) + trained.labels[len(split.class_names) :]
    speed = f"{scores['images_per_sec']:,.0f} images/s by the network"
    if "images_per_sec_from_files" in scores:
        speed += f", {scores['images_per_sec_from_files']:,.0f} from the files"
    rows = [
        ("top-1", f"{scores['top1']:.2%} of {scores['images']:,}"),
        ("top-5", f"{scores['top5']:.2%}"),
        ("loss", f"{scores['loss']:.4f}"),
        ("calibration error", f"{scores['calibration_error']:.4f}"),
        ("throughput", speed),
    ]
    display.table(where, rows)
    counts = confusion(arrays["logits"], arrays["labels"])
    each = by_class(counts)
    order = [k for k in np.argsort(each["recall"]) if each["examples"][k]]
    table = [
        (
            names[k],
            f"{each['examples'][k]:,}",
            _percent(each["recall"][k]),
            _percent(each["precision"][k]),
            names[each["mistaken_for"][k]] if each["mistaken_for"][k] >= 0 else "-",
        )
        for k in order
    ]
    found["classes"] = [
        dict(zip(("class", "images", "found", "right", "taken_for"), r)) for r in table
    ]
    header = ("class", "images", "found", "right", "most taken for")
    title = "by class, the hardest first" + (f" (20 of {len(table)})" if len(table) > 20 else "")
    display.table(title, table[:20], header, right=(1, 2, 3))
    if out is not None:
        draw_confusion(out / "confusion.png", counts, names, f"{where}: {scores['top1']:.1%}")
        bins = calibration(arrays["logits"], arrays["labels"])
        title = f"{trained.name}: calibration error {bins.error:.3f}"
        draw_reliability(out / "reliability.png", bins.edges, bins.counts, bins.accuracy, title)


def show_features(found: dict[str, Any], display: Display) -> None:
    """k-NN and linear probe as a table."""
    rows = [
        ("k-NN (20)", f"top-1 {found['knn_top1']:.2%}"),
        ("linear probe", f"top-1 {found['linear_probe_top1']:.2%}"),
    ]
    display.table(f"features, fitted on {found['training_images']:,} training images", rows)


def show_attacks(found: dict[str, Any], display: Display) -> None:
    """Top-1 under attack: a row for each epsilon."""
    rows = [("0", *[f"{found['top1']:.1%}"] * 2)]
    for epsilon in EPSILONS:
        each = [f"{found['attack'][name][str(epsilon)]:.1%}" for name in ("fgsm", "pgd")]
        rows.append((f"{epsilon}/255", *each))
    display.table("top-1 under attack", rows, ("epsilon", "FGSM", "PGD (10)"), right=(0, 1, 2))


def show_corruptions(
    where: str, found: dict[str, Any], split: Split, display: Display, out: Path | None
) -> None:
    """Errors of every kind and severity; relative: beyond that on clean images."""
    clean = found["clean"]
    rows = []
    for kind, errors in found["errors"].items():
        mean = float(np.mean(errors))
        rows.append((kind, *(f"{100 * e:.1f}" for e in (*errors, mean, mean - clean))))
    every = np.array(list(found["errors"].values()))
    means = [*every.mean(0), every.mean(), every.mean() - clean]
    rows.append(("all", *(f"{100 * value:.1f}" for value in means)))
    header = ("damage", *map(str, SEVERITIES), "mean", "relative")
    title = f"error in percent at five severities ({100 * clean:.1f} as they are)"
    display.table(title, rows, header, right=range(1, len(header)))
    if out is not None:
        draw_severities(out / "severities.png", found["errors"], clean, where)
        with split.batches() as batches:
            image = next(batches)["image"][0]
        cells = [
            (image, f"{kind}\nas it is")
            if severity == 0
            else (corrupt(image, kind, severity, 0), f"severity {severity}\n")
            for kind in CORRUPTIONS
            for severity in (0, *SEVERITIES)
        ]
        draw_sheet(out / "corruptions.png", cells, columns=6)
