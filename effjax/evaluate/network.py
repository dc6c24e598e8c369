"""Examines a trained network on labelled images: details, features, attacks, damaged images.

Shapes: B batch, N examples, H W space, C channels, K classes.
"""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data import DataConfig, Split, open_split
from effjax.data.threads import map_rows
from effjax.errors import UserError
from effjax.evaluate.attack import EPSILONS, fgsm, pgd
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.features import knn, linear_probe
from effjax.evaluate.scores import overall
from effjax.evaluate.shown import show_attacks, show_corruptions, show_details, show_features
from effjax.report import Display
from effjax.runs.record import read_config
from effjax.trained.network import Spread, Trained

BATCH = 64
TIMED = 5  # batches of the network's own speed


def data_of(
    trained: Trained, workdir: Path | None, name: str | None, split: str | None
) -> DataConfig:
    """The images of a run (or of `name`), prepared as the network wants them.

    Raises:
      UserError: neither a run nor a name.
    """
    stored = (read_config(workdir) or {})["data"] if workdir is not None else {}
    keys = ("data_dir", "train_split", "val_split", "val_share", "split_seed")
    keys += ("synthetic_examples", "synthetic_classes", "name")
    facts = {key: stored[key] for key in keys if key in stored}
    facts |= {"name": name} if name is not None else {}
    facts |= {"val_split": split} if split is not None else {}
    if "name" not in facts:
        raise UserError("on which images? give --data=NAME, a folder, a .zip or a .tar")
    look = trained.preprocessing
    return DataConfig(
        image_size=look.size,
        eval_crop=look.crop,
        eval_interpolation=look.interpolation,
        mean=look.mean,
        std=look.std,
        on_error="skip",
        **facts,
    )


class Examined:
    """A network and the labelled images that it is examined on.

    Args:
      data: see `data_of`.
      limit: at most so many images, the first ones of each split; None: all.

    Raises:
      UserError: no such images, or labels that the network does not know.
    """

    def __init__(
        self, trained: Trained, data: DataConfig, display: Display, limit: int | None = None
    ):
        self.trained, self.data, self.display, self.limit = trained, data, display, limit
        self.spread = Spread(BATCH if limit is None else min(BATCH, limit))
        self.batch = self.spread.batch
        self.variables = self.spread.copy(trained.variables)
        self.held_out = self.open(data.val_split)
        names = self.held_out.class_names
        if len(names) > len(trained.labels):
            known = len(trained.labels)
            raise UserError(
                f"{data.name} has {len(names)} classes, {trained.name} knows {known}\n"
                "give images of the classes that it was trained on"
            )

    def open(self, split: str) -> Split:
        """A split in order, without augmentation."""
        return open_split(self.data, split, seed=0, batch_size=self.batch, train=False)

    def batches(self, split: Split) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(images uint8 [B, H, W, 3], labels [B], which are examples [B] bool), with progress."""
        steps = split.steps_per_epoch
        if self.limit is not None:
            steps = min(steps, -(-self.limit // self.batch))
        self.display.start(steps, images=self.batch)
        with split.batches() as batches:
            for step, batch in zip(range(steps), batches):
                yield batch["image"], batch["label"], batch["mask"] > 0
                self.display.update(step + 1, {})
        self.display.close()


def examine_details(examined: Examined) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """One pass: scores, speed; and logits [N, K] with labels [N]."""
    trained = examined.trained
    network = jax.jit(trained.logits)
    said, truth, seen, began = [], [], 0, time.perf_counter()
    for number, (images, labels, real) in enumerate(examined.batches(examined.held_out)):
        sent = examined.spread.send(image=images)["image"]
        said.append(np.asarray(network(examined.variables, sent))[real])
        truth.append(labels[real])
        if number == 0:
            began = time.perf_counter()  # the first one is compiled
        else:
            seen += int(real.sum())
    took = time.perf_counter() - began
    logits, labels = np.concatenate(said), np.concatenate(truth)
    began = time.perf_counter()
    for _ in range(TIMED):
        np.asarray(network(examined.variables, sent))
    alone = TIMED * examined.batch / (time.perf_counter() - began)
    found = overall(logits, labels) | {"images": len(labels), "images_per_sec": alone}
    if seen:
        found["images_per_sec_from_files"] = seen / took
    return found, {"logits": logits, "labels": labels}


def examine_features(examined: Examined) -> dict[str, Any]:
    """k-NN on `pooled` and a linear probe on `prelogits` (`pooled` where that is a map)."""
    trained = examined.trained

    def both(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        out = trained.model.apply(variables, trained.normalised(images), method="features")
        flat = out["prelogits"] if out["prelogits"].ndim == 2 else out["pooled"]
        return out["pooled"], flat

    function = jax.jit(both)
    parts = {}
    for split in (examined.data.train_split, examined.data.val_split):
        rows = []
        for images, labels, real in examined.batches(examined.open(split)):
            found = function(examined.variables, examined.spread.send(image=images)["image"])
            rows.append([np.asarray(x, np.float32)[real] for x in found] + [labels[real]])
        parts[split] = [np.concatenate(column) for column in zip(*rows)]
    (pooled, flat, labels), (test_pooled, test_flat, truth) = parts.values()
    classes = len(examined.held_out.class_names)
    near = knn(pooled, labels, test_pooled, classes)
    linear, decay = linear_probe(flat, labels, test_flat, classes)
    return {
        "knn_top1": float((near == truth).mean()),
        "linear_probe_top1": float((linear == truth).mean()),
        "linear_probe_decay": decay,
        "training_images": len(labels),
    }


def examine_attacks(examined: Examined) -> dict[str, dict[str, float]]:
    """{"fgsm" or "pgd": {"epsilon": top-1}} over EPSILONS, in parts of 255."""
    trained = examined.trained

    @jax.jit
    def right(variables: Any, images: jax.Array, labels: jax.Array, index: jax.Array) -> jax.Array:
        """[2, len(EPSILONS), B] bool."""

        def logits(pixels: jax.Array) -> jax.Array:
            return trained.logits(variables, pixels)

        pixels = images.astype(jnp.float32)
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(0), i))(index)

        def both(epsilon: jax.Array) -> jax.Array:
            moved = [fgsm(logits, pixels, labels, epsilon)]
            moved.append(pgd(logits, pixels, labels, epsilon, keys))
            return jnp.stack([jnp.argmax(logits(x), -1) == labels for x in moved])

        return jax.lax.map(both, jnp.asarray(EPSILONS, jnp.float32)).swapaxes(0, 1)

    hits, count = np.zeros((2, len(EPSILONS))), 0
    for number, (images, labels, real) in enumerate(examined.batches(examined.held_out)):
        index = (number * examined.batch + np.arange(len(labels))).astype(np.int32)
        sent = examined.spread.send(image=images, label=labels, index=index)
        found = np.asarray(right(examined.variables, sent["image"], sent["label"], sent["index"]))
        hits += found[..., real].sum(-1)
        count += int(real.sum())
    shares = hits / count
    return {
        name: {str(epsilon): float(share) for epsilon, share in zip(EPSILONS, row)}
        for name, row in zip(("fgsm", "pgd"), shares)
    }


def examine_corruptions(examined: Examined) -> dict[str, Any]:
    """{"clean": error, "errors": {kind: [error at severity 1, ..., 5]}}."""
    network = jax.jit(examined.trained.logits)
    cases = [(kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES]
    wrong, clean, count = np.zeros(len(cases)), 0, 0
    display, steps = examined.display, examined.held_out.steps_per_epoch
    if examined.limit is not None:
        steps = min(steps, -(-examined.limit // examined.batch))

    def misses(images: np.ndarray, labels: np.ndarray, real: np.ndarray) -> int:
        logits = network(examined.variables, examined.spread.send(image=images)["image"])
        return int((np.asarray(logits).argmax(-1) != labels)[real].sum())

    display.start(steps * len(cases), images=examined.batch)
    with examined.held_out.batches() as batches:
        for step, batch in zip(range(steps), batches):
            images, labels, real = batch["image"], batch["label"], batch["mask"] > 0
            clean += misses(images, labels, real)
            count += int(real.sum())
            for number, (kind, severity) in enumerate(cases):

                def damaged(row: int, kind: str = kind, severity: int = severity) -> np.ndarray:
                    return corrupt(images[row], kind, severity, step * examined.batch + row)  # noqa: B023

                worse = np.stack(list(map_rows(damaged, range(len(images)))))
                wrong[number] += misses(worse, labels, real)
                display.update(step * len(cases) + number + 1, {})
    display.close()
    errors = (wrong / count).reshape(len(CORRUPTIONS), len(SEVERITIES))
    return {
        "clean": clean / count,
        "errors": {kind: row.tolist() for kind, row in zip(CORRUPTIONS, errors)},
    }


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be examined beside the details, and where pictures go."""

    features: bool = False
    attack: bool = False
    corrupt: bool = False
    out: Path | None = None
    limit: int | None = None


def evaluate_network(
    trained: Trained, data: DataConfig, display: Display, wanted: Wanted
) -> dict[str, Any]:
    """Examines the network and shows what was found; with `wanted.out` also as files there.

    Files: evaluation.json with all numbers, confusion.png, reliability.png, and with `corrupt`
    corruptions.png (what the damage looks like) and severities.png (error against severity).

    Returns:
      what evaluation.json holds.

    Raises:
      UserError: images that are not there or have other classes, or a folder that cannot be made.
    """
    if wanted.out is not None:
        try:
            wanted.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write --out={wanted.out}: {error.strerror}") from error
    if wanted.limit is not None and wanted.limit < 1:
        raise UserError(f"--limit={wanted.limit}: give 1 or more")
    display.waiting(f"reading {data.name}")
    examined = Examined(trained, data, display, wanted.limit)
    where = f"{trained.name} on {data.val_split} of {data.name}"
    scores, arrays = examine_details(examined)
    found: dict[str, Any] = {"network": trained.name, "data": data.name} | scores
    show_details(where, scores, arrays, trained, examined.held_out, display, wanted.out, found)
    if wanted.features:
        found |= examine_features(examined)
        show_features(found, display)
    if wanted.attack:
        found["attack"] = examine_attacks(examined)
        show_attacks(found, display)
    if wanted.corrupt:
        found["corruptions"] = examine_corruptions(examined)
        show_corruptions(where, found["corruptions"], examined.held_out, display, wanted.out)
    if wanted.out is not None:
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        (wanted.out / "evaluation.json").write_text(text)
        display.line(f"numbers and pictures: {wanted.out}")
    return found
