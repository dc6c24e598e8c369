"""Runs a trained network over labelled images: details, features, attacks, damaged images.

Shapes: B batch, N examples, H W space, C channels, K classes.
"""

import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.data import DataConfig, Split, open_split
from effjax.data.threads import map_rows
from effjax.errors import UserError
from effjax.evaluate.attack import EPSILONS, fgsm, is_right, pgd
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.features import knn, linear_probe
from effjax.evaluate.scores import check_labels, is_finite, overall, predicted
from effjax.report import Display
from effjax.trained.network import Spread, Trained

NpArray = np.ndarray
BATCH = 64
TIMED_BATCHES = 5  # of the throughput of the network alone


class Examined:
    """A network and the labelled images that it is examined on.

    Args:
      data: see `effjax.evaluate.network.data_of`.
      limit: at most so many images, the first ones of each split; None: all.
      ignore_unknown: leave out images of classes that the network does not know.

    Raises:
      UserError: no such images, or classes that the network does not know.
    """

    def __init__(
        self,
        trained: Trained,
        data: DataConfig,
        display: Display,
        limit: int | None = None,
        ignore_unknown: bool = False,
    ):
        self.trained = trained
        self.data = data
        self.display = display
        self.spread = Spread(BATCH if limit is None else min(BATCH, limit))
        self.batch = self.spread.batch
        self.variables = self.spread.copy(trained.variables)
        self._ignore_unknown = ignore_unknown
        self._most_steps = None if limit is None else -(-limit // self.batch)
        self.held_out = self.open(data.val_split)

    def open(self, split: str) -> Split:
        """A split in order, without augmentation; its labels are the network's, by name."""
        return open_split(
            self.data,
            split,
            seed=0,
            batch_size=self.batch,
            train=False,
            class_names=self.trained.labels,
            ignore_unknown=self._ignore_unknown,
        )

    def steps(self, split: Split) -> int:
        """How many batches of a split are looked at."""
        steps = split.steps_per_epoch
        return steps if self._most_steps is None else min(steps, self._most_steps)

    def batches(self, split: Split) -> Iterator[tuple[NpArray, NpArray, NpArray]]:
        """Yields (images uint8 [B, H, W, 3], labels [B], which are examples [B] bool).

        A row that is no example is padding, or an image that cannot be read.

        Raises:
          UserError: labels that are no class of the network, or not a single image can be read.
        """
        steps, readable = self.steps(split), 0
        self.display.start(steps, images=self.batch)
        with split.batches() as batches:
            for step, batch in zip(range(steps), batches):
                real = batch["mask"] > 0
                check_labels(batch["label"][real], len(self.trained.labels))
                readable += int(real.sum())
                yield batch["image"], batch["label"], real
                self.display.update(step + 1, {})
        self.display.close()
        if not readable:
            raise UserError(
                f"none of the images of {self.data.name} can be read\n"
                f"see what is wrong: effjax data check {self.data.name}"
            )

    def send(self, images: NpArray) -> Array:
        """A batch of images onto the devices."""
        return self.spread.send(image=images)["image"]


def examine_details(examined: Examined) -> tuple[dict[str, Any], dict[str, NpArray]]:
    """One pass: scores and speed; and {"logits": [N, K], "labels": [N]}."""
    network = jax.jit(examined.trained.logits)
    variables = examined.variables
    logits, labels, images_seen = [], [], 0
    start_time = time.perf_counter()
    for number, (images, batch_labels, real) in enumerate(examined.batches(examined.held_out)):
        sent = examined.send(images)
        logits.append(np.asarray(network(variables, sent))[real])
        labels.append(batch_labels[real])
        if number == 0:
            start_time = time.perf_counter()  # the first batch waits for the compiler
        else:
            images_seen += int(real.sum())
    seconds = time.perf_counter() - start_time
    arrays = {"logits": np.concatenate(logits), "labels": np.concatenate(labels)}
    found = overall(**arrays)
    found["images"] = len(arrays["labels"])
    found["images_per_sec"] = _throughput(network, variables, sent)
    if images_seen:
        found["images_per_sec_from_files"] = images_seen / seconds
    _warn_of_nan(examined.display, arrays["logits"])
    return found, arrays


def _throughput(network: Any, variables: Any, images: Array) -> float:
    """Images a second of the network alone, already compiled."""
    start_time = time.perf_counter()
    for _ in range(TIMED_BATCHES):
        np.asarray(network(variables, images))
    return TIMED_BATCHES * len(images) / (time.perf_counter() - start_time)


def _warn_of_nan(display: Display, logits: NpArray) -> None:
    without_answer = int((~is_finite(logits)).sum())
    if without_answer:
        display.warn(
            f"the logits of {without_answer} of {len(logits)} images are not finite; "
            "these images count as wrong"
        )


def examine_features(examined: Examined) -> dict[str, Any]:
    """k-NN on `pooled` and a linear probe on `prelogits` (`pooled` where that is a map)."""
    train = _features_of(examined, examined.data.train_split)
    test = _features_of(examined, examined.data.val_split)
    classes = len(examined.trained.labels)
    nearest = knn(train["pooled"], train["labels"], test["pooled"], classes)
    linear, decay = linear_probe(train["flat"], train["labels"], test["flat"], classes)
    return {
        "knn_top1": float((nearest == test["labels"]).mean()),
        "linear_probe_top1": float((linear == test["labels"]).mean()),
        "linear_probe_decay": decay,
        "training_images": len(train["labels"]),
    }


def _features_of(examined: Examined, split: str) -> dict[str, NpArray]:
    """{"pooled": [N, C], "flat": [N, C'], "labels": [N]} of a split."""
    trained = examined.trained

    @jax.jit
    def features(variables: Any, images: Array) -> dict[str, Array]:
        out = trained.model.apply(variables, trained.normalised(images), method="features")
        flat = out["prelogits"] if out["prelogits"].ndim == 2 else out["pooled"]
        return {"pooled": out["pooled"], "flat": flat}

    parts: dict[str, list[NpArray]] = {"pooled": [], "flat": [], "labels": []}
    for images, labels, real in examined.batches(examined.open(split)):
        found = features(examined.variables, examined.send(images))
        for name, array in found.items():
            parts[name].append(np.asarray(array, np.float32)[real])
        parts["labels"].append(labels[real])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def examine_attacks(examined: Examined) -> dict[str, dict[str, float]]:
    """{"fgsm" or "pgd": {"epsilon": top-1}} over EPSILONS, in parts of 255."""
    attacked = _make_attack(examined.trained)
    hits, count = np.zeros((2, len(EPSILONS))), 0
    for number, (images, labels, real) in enumerate(examined.batches(examined.held_out)):
        index = (number * examined.batch + np.arange(len(labels))).astype(np.int32)
        sent = examined.spread.send(image=images, label=labels, index=index)
        right = attacked(examined.variables, sent["image"], sent["label"], sent["index"])
        hits += np.asarray(right)[..., real].sum(-1)
        count += int(real.sum())
    found: dict[str, dict[str, float]] = {}
    for name, row in zip(("fgsm", "pgd"), hits / count):
        found[name] = {str(epsilon): float(share) for epsilon, share in zip(EPSILONS, row)}
    return found


def _make_attack(trained: Trained) -> Any:
    """A function of variables, images, labels and the numbers of the images in the split.

    It returns [2, len(EPSILONS), B] bool: whether an image attacked by FGSM, or by PGD, is right.
    """

    @jax.jit
    def attacked(variables: Any, images: Array, labels: Array, index: Array) -> Array:
        def logits(pixels: Array) -> Array:
            return trained.logits(variables, pixels)

        pixels = images.astype(jnp.float32)
        # a draw belongs to an example: the batch size does not matter
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(0), i))(index)

        def at(epsilon: Array) -> Array:
            once = fgsm(logits, pixels, labels, epsilon)
            often = pgd(logits, pixels, labels, epsilon, keys)
            return jnp.stack([is_right(logits(once), labels), is_right(logits(often), labels)])

        return jax.lax.map(at, jnp.asarray(EPSILONS, jnp.float32)).swapaxes(0, 1)

    return attacked


def examine_corruptions(examined: Examined) -> dict[str, Any]:
    """{"clean": error, "errors": {kind: [error at severity 1, ..., 5]}}."""
    network = jax.jit(examined.trained.logits)

    def wrong(images: NpArray, labels: NpArray, real: NpArray) -> int:
        logits = np.asarray(network(examined.variables, examined.send(images)))
        return int((predicted(logits) != labels)[real].sum())

    errors = {kind: np.zeros(len(SEVERITIES)) for kind in CORRUPTIONS}
    clean, count = 0, 0
    for number, (images, labels, real) in enumerate(examined.batches(examined.held_out)):
        clean += wrong(images, labels, real)
        count += int(real.sum())
        for kind in CORRUPTIONS:
            for severity in SEVERITIES:
                damaged = _damaged(images, kind, severity, number * examined.batch)
                errors[kind][severity - 1] += wrong(damaged, labels, real)
    return {
        "clean": clean / count,
        "errors": {kind: (misses / count).tolist() for kind, misses in errors.items()},
    }


def _damaged(images: NpArray, kind: str, severity: int, first: int) -> NpArray:
    """A batch uint8 [B, H, W, 3], each image damaged; `first` is the number of the first one."""

    def damage(row: int) -> NpArray:
        return corrupt(images[row], kind, severity, first + row)

    return np.stack(list(map_rows(damage, range(len(images)))))
