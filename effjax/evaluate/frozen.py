"""`effjax evaluate --features` in full: any layer of any network, few labels, features in a file.

It needs no classifier, so that what was learned without labels is measured as anything else.

Shapes: N training examples, M held-out ones, C channels, K classes.
"""

import dataclasses
import io
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.data import DataConfig, Split, open_split
from effjax.errors import UserError, nearest
from effjax.evaluate.examined import BATCH
from effjax.evaluate.features import knn, linear_probe
from effjax.evaluate.network import NUMBERS, write_numbers, writing_to
from effjax.report import Display
from effjax.runs.atomic import write_atomically
from effjax.tasks.pretraining.encodings import flat_features, shrunk_pixels
from effjax.tasks.pretraining.frozen_features import effective_rank, mean_cosine
from effjax.trained.network import Trained
from effjax.trained.spread import Spread

Array = np.ndarray
TIMES = 5  # draws of a few labels; their spread is shown
PERCENT = 100


@dataclasses.dataclass(frozen=True)
class WantedFeatures:
    """What is asked of frozen features.

    Attributes:
      layer: "stage1", ..., "pooled", "prelogits"; maps and tokens are averaged.
      shots: numbers of labelled images a class, beside all of them.
      file: .npz to write the features to; None: none.
      out: folder for all numbers; None: none.
      limit: so many images of each split; None: all.
      seed: of what is drawn.
    """

    layer: str = "pooled"
    shots: tuple[int, ...] = ()
    file: Path | None = None
    out: Path | None = None
    limit: int | None = None
    seed: int = 0


def evaluate_frozen(
    trained: Trained, data: DataConfig, display: Display, wanted: WantedFeatures
) -> dict[str, Any]:
    """k-NN, linear probe and rank of a layer, beside raw pixels; with few labels too.

    Returns:
      {name: value}; of few labels (mean, half of the 95 % interval) over draws.

    Raises:
      UserError: no such layer, images that cannot be read, or fewer than so many a class.
    """
    if wanted.layer not in trained.layers:
        raise UserError(
            f"--layer={wanted.layer}: {trained.base} has {', '.join(trained.layers)}; "
            f"{nearest(wanted.layer, trained.layers)}"
        )
    splits = []
    for name in (data.train_split, data.val_split):
        split = open_split(
            data,
            name,
            seed=wanted.seed,
            batch_size=Spread(BATCH).batch,
            train=False,
            draw=wanted.limit,
        )
        splits.append(split)
    train, test = (_features_of(trained, split, wanted.layer, display) for split in splits)
    classes = splits[0].num_classes
    found: dict[str, Any] = {"layer": wanted.layer, "network": trained.name}
    for kind in ("features", "pixels"):
        found[kind] = _scores(train[kind], train["labels"], test[kind], test["labels"], classes)
        for shots in wanted.shots:
            key = f"probe_{shots}_a_class"
            found[kind][key] = few_labels(train, test, kind, classes, shots, wanted.seed)
    if wanted.file is not None:
        _write(wanted.file, train, test, splits[0].class_names)
        display.line(f"features: {wanted.file}")
    _show(trained, data, found, display)
    if wanted.out is not None:
        with writing_to(wanted.out):
            wanted.out.mkdir(parents=True, exist_ok=True)
            write_numbers(wanted.out / NUMBERS, found)
        display.line(f"numbers: {wanted.out / NUMBERS}")
    return found


def read_shots(text: str | None) -> tuple[int, ...]:
    """(1, 5) of "1,5"; () of None.

    Raises:
      UserError: other text.
    """
    if text is None:
        return ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UserError(f"--shots={text}: give numbers of labelled images a class, such as 1,5")
    return tuple(int(part) for part in parts)


def _features_of(trained: Trained, split: Split, layer: str, display: Display) -> dict[str, Array]:
    """{"features": [N, C], "pixels": [N, C'], "labels": [N]} of what can be read."""

    @jax.jit
    def both(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        out = trained.model.apply(variables, trained.normalised(images), method="features")
        return flat_features(out[layer]), shrunk_pixels(images)

    rows: dict[str, list[Array]] = {"features": [], "pixels": [], "labels": []}
    display.start(split.steps_per_epoch, images=split.batch_size)
    with split.batches() as batches:
        for step, batch in enumerate(batches):
            real = batch["mask"] > 0
            features, pixels = both(trained.variables, batch["image"])
            rows["features"].append(np.asarray(features)[real])
            rows["pixels"].append(np.asarray(pixels)[real])
            rows["labels"].append(batch["label"][real])
            display.update(step + 1, {})
    display.close()
    found = {name: np.concatenate(parts) for name, parts in rows.items()}
    if not len(found["labels"]):
        raise UserError("none of the images can be read\nsee what is wrong: effjax data check")
    return found


def _scores(
    train: Array, train_labels: Array, test: Array, labels: Array, classes: int
) -> dict[str, Any]:
    nearest_class = knn(train, train_labels, test, classes)
    linear, _ = linear_probe(train, train_labels, test, classes)
    return {
        "knn_top1": float((nearest_class == labels).mean()),
        "probe_top1": float((linear == labels).mean()),
        "rank": effective_rank(test),
        "cosine": mean_cosine(test),
    }


def few_labels(
    train: dict[str, Array],
    test: dict[str, Array],
    kind: str,
    classes: int,
    shots: int,
    seed: int,
) -> tuple[float, float]:
    """(mean, half of the 95 % interval) of the probe's top-1 with `shots` labels a class.

    The labelled images are drawn anew each time; the same for whatever features.

    Raises:
      UserError: a class has fewer images.
    """
    from scipy.stats import t

    labels = train["labels"]
    least = int(np.bincount(labels, minlength=classes).min())
    if not 1 <= shots <= least:
        raise UserError(f"--shots={shots}: the smallest class has {least} training images")
    values = []
    for number in range(TIMES):
        rng = np.random.default_rng((seed, shots, number))
        rows = []
        for label in range(classes):
            rows.append(rng.choice(np.flatnonzero(labels == label), shots, replace=False))
        chosen = np.concatenate(rows)
        answers, _ = linear_probe(train[kind][chosen], labels[chosen], test[kind], classes)
        values.append((answers == test["labels"]).mean())
    half = t.ppf(0.975, TIMES - 1) * np.std(values, ddof=1) / np.sqrt(TIMES)
    return float(np.mean(values)), float(half)


def _write(
    file: Path, train: dict[str, Array], test: dict[str, Array], names: tuple[str, ...]
) -> None:
    if file.suffix != ".npz":
        raise UserError(f"--features-out={file}: give a file *.npz")
    content = io.BytesIO()
    np.savez(
        content,
        train=train["features"],
        train_labels=train["labels"],
        test=test["features"],
        test_labels=test["labels"],
        class_names=np.array(names),
    )
    with writing_to(file, "--features-out"):
        write_atomically(file, content.getvalue())


def _show(trained: Trained, data: DataConfig, found: dict[str, Any], display: Display) -> None:
    rows = []
    for name, value in found["features"].items():
        rows.append((name, _in_words(name, value), _in_words(name, found["pixels"][name])))
    title = f"{trained.name} ({trained.weights}), {found['layer']}, {data.val_split} of {data.name}"
    display.table(title, rows, ("measure", found["layer"], "raw pixels"), right=(1, 2))


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        mean, half = value
        return f"{PERCENT * mean:.1f} +- {PERCENT * half:.1f} %"
    if name.endswith("top1"):
        return f"{PERCENT * value:.1f} %"
    return f"{value:.3g}"
