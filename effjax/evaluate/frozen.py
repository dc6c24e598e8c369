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
from effjax.evaluate.few import SEED, Episodes, few_labels
from effjax.evaluate.network import NUMBERS, write_numbers, writing_to
from effjax.report import Display
from effjax.report.statistics import Interval
from effjax.runs.atomic import write_atomically
from effjax.tasks.pretraining.encodings import flat_features, shrunk_pixels
from effjax.tasks.pretraining.frozen_features import effective_rank, mean_cosine
from effjax.trained.network import Trained
from effjax.trained.spread import Spread

Array = np.ndarray
# the layer's features, the same of a network as it was initialised, and raw pixels
KINDS = ("features", "untrained", "pixels")
PERCENT = 100


@dataclasses.dataclass(frozen=True)
class WantedFeatures:
    """What is asked of frozen features.

    Attributes:
      layer: "stage1", ..., "pooled", "prelogits"; maps and tokens are averaged.
      shots: numbers of labelled images a class, beside all of them.
      episodes: with so many shots each; None: none.
      file: .npz to write the features to; None: none.
      out: folder for all numbers; None: none.
      limit: so many images of each split; None: all.
    """

    layer: str = "pooled"
    shots: tuple[int, ...] = ()
    episodes: Episodes | None = None
    file: Path | None = None
    out: Path | None = None
    limit: int | None = None


@dataclasses.dataclass(frozen=True)
class Part:
    """One split: {kind: features [N, C]} for KINDS, and labels [N]."""

    features: dict[str, Array]
    labels: Array


def evaluate_frozen(
    trained: Trained, data: DataConfig, display: Display, wanted: WantedFeatures
) -> dict[str, Any]:
    """k-NN, linear probe and rank of a layer, beside an untrained network and raw pixels.

    Returns:
      {kind: {name: value}} for KINDS; of few labels (mean, half of the 95 % interval).

    Raises:
      UserError: no such layer, images that cannot be read, or fewer than so many a class.
    """
    if wanted.layer not in trained.layers:
        raise UserError(
            f"--layer={wanted.layer}: {trained.base} has {', '.join(trained.layers)}; "
            f"{nearest(wanted.layer, trained.layers)}"
        )
    batch = Spread(BATCH).batch
    splits = []
    for name in (data.train_split, data.val_split):
        split = open_split(data, name, seed=SEED, batch_size=batch, train=False, draw=wanted.limit)
        splits.append(split)
    train, test = (_features_of(trained, split, wanted.layer, display) for split in splits)
    names = splits[0].class_names
    found: dict[str, Any] = {"layer": wanted.layer, "network": trained.name}
    for kind in KINDS:
        found[kind] = _scores(train, test, kind, names, wanted)
    if wanted.file is not None:
        _write(wanted.file, train, test, names)
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


def _features_of(trained: Trained, split: Split, layer: str, display: Display) -> Part:
    """What can be read of a split."""

    @jax.jit
    def encode(variables: Any, images: jax.Array) -> jax.Array:
        pixels = trained.normalised(images)
        return flat_features(trained.model.apply(variables, pixels, method="features")[layer])

    untrained = _untrained(trained)
    shrink = jax.jit(shrunk_pixels)
    rows: dict[str, list[Array]] = {kind: [] for kind in KINDS}
    labels = []
    display.start(split.steps_per_epoch, images=split.batch_size)
    with split.batches() as batches:
        for step, batch in enumerate(batches):
            real = batch["mask"] > 0
            images = batch["image"]
            made = (encode(trained.variables, images), encode(untrained, images), shrink(images))
            for kind, features in zip(KINDS, made):
                rows[kind].append(np.asarray(features)[real])
            labels.append(batch["label"][real])
            display.update(step + 1, {})
    display.close()
    if not sum(map(len, labels)):
        raise UserError("none of the images can be read\nsee what is wrong: effjax data check")
    features = {kind: np.concatenate(parts) for kind, parts in rows.items()}
    return Part(features, np.concatenate(labels))


def _untrained(trained: Trained) -> Any:
    """The variables of the same network before any training."""
    images = np.zeros((1, *trained.preprocessing.size, 3), np.float32)
    return jax.jit(trained.model.init)(jax.random.key(SEED), images)


def _scores(
    train: Part, test: Part, kind: str, names: tuple[str, ...], wanted: WantedFeatures
) -> dict[str, Any]:
    """{name: value} of one kind of features."""
    classes = len(names)
    known, asked = train.features[kind], test.features[kind]
    nearest_class = knn(known, train.labels, asked, classes)
    linear, _ = linear_probe(known, train.labels, asked, classes)
    scores: dict[str, Any] = {
        "knn_top1": float((nearest_class == test.labels).mean()),
        "probe_top1": float((linear == test.labels).mean()),
        "rank": effective_rank(asked),
        "cosine": mean_cosine(asked),
    }
    for shots in wanted.shots:
        found = few_labels(known, train.labels, asked, test.labels, classes, shots)
        scores[f"probe_{shots}_a_class"] = _mean_and_half(found)
    if wanted.episodes is None:
        return scores
    for shots in wanted.shots:
        found = wanted.episodes.accuracy(asked, test.labels, names, shots)
        scores[f"{wanted.episodes.ways}way_{shots}shot"] = _mean_and_half(found)
    return scores


def _mean_and_half(interval: Interval) -> tuple[float, float]:
    return interval.estimate, interval.high - interval.estimate


def _write(file: Path, train: Part, test: Part, names: tuple[str, ...]) -> None:
    if file.suffix != ".npz":
        raise UserError(f"--features-out={file}: give a file *.npz")
    content = io.BytesIO()
    np.savez(
        content,
        train=train.features["features"],
        train_labels=train.labels,
        test=test.features["features"],
        test_labels=test.labels,
        class_names=np.array(names),
    )
    with writing_to(file, "--features-out"):
        write_atomically(file, content.getvalue())


def _show(trained: Trained, data: DataConfig, found: dict[str, Any], display: Display) -> None:
    layer = found["layer"]
    rows = []
    for name in found["features"]:
        values = [_in_words(name, found[kind][name]) for kind in KINDS]
        rows.append((name, *values))
    title = f"{trained.name} ({trained.weights}), {layer}, {data.val_split} of {data.name}"
    header = ("measure", layer, "untrained", "raw pixels")
    display.table(title, rows, header, right=(1, 2, 3))


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        mean, half = value
        return f"{PERCENT * mean:.1f} +- {PERCENT * half:.1f} %"
    if name.endswith("top1"):
        return f"{PERCENT * value:.1f} %"
    return f"{value:.3g}"
