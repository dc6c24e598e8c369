"""Runs a trained network over labelled images: details, features, attacks, damaged images.

Shapes: B batch, N examples, H W space, C channels, K classes.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.data import Split
from effjax.data.threads import map_rows
from effjax.evaluate.attack import EPSILONS, fgsm, is_right, pgd
from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from effjax.evaluate.examined import Examined
from effjax.evaluate.features import knn, linear_probe
from effjax.evaluate.scores import is_finite, overall, predicted
from effjax.report import Display
from effjax.trained.network import Trained

NpArray = np.ndarray
TIMED_BATCHES = 5  # of the throughput of the network alone


def examine_details(examined: Examined) -> tuple[dict[str, Any], dict[str, NpArray]]:
    """One pass: scores and speed; and {"logits": [N, K], "labels": [N], "rows": [N]}.

    `rows` says which example of the split each is: those that cannot be read are left out.
    """
    network = jax.jit(examined.trained.logits)
    variables = examined.variables
    logits: list[NpArray] = []
    labels: list[NpArray] = []
    rows: list[NpArray] = []
    images_timed = 0
    start_time = time.perf_counter()
    batches = examined.batches(examined.held_out)
    for number, (images, batch_labels, real) in enumerate(batches):
        sent = examined.send(images)
        batch_logits = np.asarray(network(variables, sent))
        logits.append(batch_logits[real])
        labels.append(batch_labels[real])
        rows.append(number * examined.batch + np.flatnonzero(real))
        if number == 0:
            # the first batch waits for the compiler: the clock starts after it
            start_time = time.perf_counter()
        else:
            images_timed += int(real.sum())
    seconds = time.perf_counter() - start_time
    arrays = {
        "logits": np.concatenate(logits),
        "labels": np.concatenate(labels),
    }
    found = overall(**arrays)
    found["images"] = len(arrays["labels"])
    found["images_per_sec"] = _throughput(network, variables, sent)
    if images_timed:  # none if everything fits one batch
        found["images_per_sec_from_files"] = images_timed / seconds
    _warn_of_nan(examined.display, arrays["logits"])
    arrays["rows"] = np.concatenate(rows)
    return found, arrays


def _throughput(network: Any, variables: Any, images: Array) -> float:
    """Images a second of the network alone, already compiled."""
    start_time = time.perf_counter()
    for _ in range(TIMED_BATCHES):
        np.asarray(network(variables, images))  # waits for the result: calls return at once
    seconds = time.perf_counter() - start_time
    return TIMED_BATCHES * len(images) / seconds


def _warn_of_nan(display: Display, logits: NpArray) -> None:
    finite = is_finite(logits)
    without_answer = int((~finite).sum())
    if without_answer:
        display.warn(
            f"the logits of {without_answer} of {len(logits)} images are not finite; "
            "these images count as wrong"
        )


def examine_features(examined: Examined) -> dict[str, Any]:
    """k-NN on `pooled` and a linear probe on `prelogits` (`pooled` where that is a map)."""
    fitted = examined.open(examined.data.train_split)
    train = _features_of(examined, fitted)
    test = _features_of(examined, examined.held_out)
    classes = len(examined.trained.labels)
    train_labels = train["labels"]
    test_labels = test["labels"]
    nearest = knn(train["pooled"], train_labels, test["pooled"], classes)
    nearest_right = nearest == test_labels
    linear, decay = linear_probe(train["flat"], train_labels, test["flat"], classes)
    linear_right = linear == test_labels
    return {
        "knn_top1": float(nearest_right.mean()),
        "linear_probe_top1": float(linear_right.mean()),
        "linear_probe_decay": decay,
        "training_images": len(train_labels),
        "training_images_drawn": examined.drawn(fitted),
    }


def _features_of(examined: Examined, split: Split) -> dict[str, NpArray]:
    """{"pooled": [N, C], "flat": [N, C'], "labels": [N]} of a split."""
    trained = examined.trained

    @jax.jit
    def features(variables: Any, images: Array) -> dict[str, Array]:
        pixels = trained.normalised(images)
        out = trained.model.apply(variables, pixels, method="features")
        pooled = out["pooled"]
        flat = out["prelogits"]
        if flat.ndim != 2:
            flat = pooled
        return {"pooled": pooled, "flat": flat}

    parts: dict[str, list[NpArray]] = {
        "pooled": [],
        "flat": [],
        "labels": [],
    }
    for images, labels, real in examined.batches(split):
        sent = examined.send(images)
        found = features(examined.variables, sent)
        for name, array in found.items():
            # a network may compute in bfloat16, too coarse for distances and means
            rows = np.asarray(array, np.float32)
            parts[name].append(rows[real])
        parts["labels"].append(labels[real])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def examine_attacks(examined: Examined) -> dict[str, dict[str, float]]:
    """{"fgsm" or "pgd": {"epsilon": top-1}} over EPSILONS, in parts of 255."""
    attacked = _make_attack(examined.trained)
    hits = np.zeros((2, len(EPSILONS)))
    count = 0
    batches = examined.batches(examined.held_out)
    for number, (images, labels, real) in enumerate(batches):
        sent = examined.spread.send(
            image=images,
            label=labels,
            index=examined.numbers(number).astype(np.int32),
        )
        right = attacked(
            examined.variables,
            sent["image"],
            sent["label"],
            sent["index"],
        )
        hits += np.asarray(right)[..., real].sum(-1)
        count += int(real.sum())
    top1 = hits / count
    return {
        "fgsm": _by_epsilon(top1[0]),
        "pgd": _by_epsilon(top1[1]),
    }


def _by_epsilon(top1: NpArray) -> dict[str, float]:
    """{"epsilon": top-1}: keys of JSON are words."""
    found: dict[str, float] = {}
    for epsilon, share in zip(EPSILONS, top1):
        found[str(epsilon)] = float(share)
    return found


def _make_attack(trained: Trained) -> Any:
    """A function of variables, images, labels and the numbers of the images in the split.

    It returns [2, len(EPSILONS), B] bool: whether an image attacked by FGSM, or by PGD, is right.
    """

    @jax.jit
    def attacked(variables: Any, images: Array, labels: Array, index: Array) -> Array:
        def logits(pixels: Array) -> Array:
            return trained.logits(variables, pixels)

        def key_of(example: Array) -> Array:
            return jax.random.fold_in(jax.random.key(0), example)

        pixels = images.astype(jnp.float32)
        # a draw belongs to an example: the batch size does not matter
        keys = jax.vmap(key_of)(index)

        def attack(epsilon: Array) -> Array:
            one_step = fgsm(logits, pixels, labels, epsilon)
            many_steps = pgd(logits, pixels, labels, epsilon, keys)
            right = [
                is_right(logits(one_step), labels),
                is_right(logits(many_steps), labels),
            ]
            return jnp.stack(right)

        # one epsilon after the other: `vmap` would hold the gradients of all at a time
        epsilons = jnp.asarray(EPSILONS, jnp.float32)
        right = jax.lax.map(attack, epsilons)  # [len(EPSILONS), 2, B]
        return right.swapaxes(0, 1)

    return attacked


def examine_corruptions(examined: Examined) -> dict[str, Any]:
    """{"clean": error, "errors": {kind: [error at severity 1, ..., 5]}}."""
    network = jax.jit(examined.trained.logits)

    def wrong(images: NpArray, labels: NpArray, real: NpArray) -> int:
        sent = examined.send(images)
        logits = np.asarray(network(examined.variables, sent))
        missed = predicted(logits) != labels
        return int(missed[real].sum())

    misses = {kind: np.zeros(len(SEVERITIES)) for kind in CORRUPTIONS}
    clean_misses = 0
    count = 0
    batches = examined.batches(examined.held_out)
    for number, (images, labels, real) in enumerate(batches):
        clean_misses += wrong(images, labels, real)
        count += int(real.sum())
        # the draws of the damage belong to an image's number in the split
        numbers = examined.numbers(number)
        for kind in CORRUPTIONS:
            for severity in SEVERITIES:
                damaged = _damaged(images, kind, severity, numbers)
                misses[kind][severity - 1] += wrong(damaged, labels, real)
    errors: dict[str, list[float]] = {}
    for kind, of_kind in misses.items():
        errors[kind] = (of_kind / count).tolist()
    return {"clean": clean_misses / count, "errors": errors}


def _damaged(images: NpArray, kind: str, severity: int, numbers: NpArray) -> NpArray:
    """A batch uint8 [B, H, W, 3], each image damaged; `numbers` [B] are those of the images."""

    def damage(row: int) -> NpArray:
        return corrupt(images[row], kind, severity, int(numbers[row]))

    rows = range(len(images))
    return np.stack(list(map_rows(damage, rows)))
