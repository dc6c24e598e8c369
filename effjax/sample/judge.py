"""How good samples are, by a classifier of our own: never called FID.

Shapes: n samples, D features, K classes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.config import View
from effjax.data import open_split
from effjax.errors import UserError
from effjax.sample import scores
from effjax.trained.network import Trained

DIMENSIONS = 32  # of features: a Frechet distance of n samples is biased by about D^2 / 2n
BATCH = 64
SEED = 7


@dataclasses.dataclass(frozen=True)
class Real:
    """Images that samples are compared with.

    Attributes:
      train, val: uint8 [., H, W, C] with int labels [.].
    """

    train: np.ndarray
    train_labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray


def read_real(config: View, limit: int = 20_000) -> Real:
    """The images of a run's training and validation split, as evaluation sees them.

    Raises:
      UserError: the data is not there.
    """
    train = _read(config, config.data.train_split, limit)
    val = _read(config, config.data.val_split, limit)
    return Real(*train, *val)


def _read(config: View, split: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    opened = open_split(config.data, split, seed=0, batch_size=1, train=False)
    # shuffled: files may be sorted by class
    rows = np.random.default_rng(0).permutation(opened.num_examples)[:limit]
    pixels, labels, readable = opened.stream.views(rows, np.zeros(len(rows), int))
    kept = readable > 0
    if not kept.any():
        raise UserError(f"split {split!r} of {config.data.name}: no image can be read")
    return pixels[kept], labels[kept]


class Eyes:
    """A frozen network: features and classes of images.

    Args:
      trained: a run of a classification. What it learned may be labels or numbers too: then its
        features count, and the classes mean nothing.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self._look = jax.jit(self._features_and_logits)

    def _features_and_logits(self, variables: Any, images: jax.Array) -> tuple[Any, Any]:
        model = self.trained.model
        size = self.trained.preprocessing.size
        if images.shape[1:3] != size:
            shape = (images.shape[0], *size, images.shape[3])
            resized = jax.image.resize(images.astype(jnp.float32), shape, "bicubic")
            images = resized.round().clip(0, 255).astype(jnp.uint8)
        normalised = self.trained.normalised(images)
        features = model.apply(variables, normalised, train=False, method="features")
        logits = self.trained.logits(variables, images)
        return features["prelogits"], logits

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(features [n, D], classes [n]) of uint8 images [n, H, W, C]."""
        features, classes = [], []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            missing = BATCH - len(part)
            padded = np.concatenate([part, np.repeat(part[-1:], missing, 0)])
            seen, logits = self._look(self.trained.variables, padded)
            features.append(np.asarray(seen)[: len(part)])
            classes.append(np.asarray(logits).argmax(-1)[: len(part)])
        return project(np.concatenate(features)), np.concatenate(classes)


def project(features: np.ndarray) -> np.ndarray:
    """At most `DIMENSIONS` features: a fixed random projection of more."""
    features = features.reshape(len(features), -1).astype(np.float64)
    width = features.shape[1]
    if width <= DIMENSIONS:
        return features
    drawn = np.random.default_rng(SEED).standard_normal((width, DIMENSIONS))
    return features @ (drawn / np.sqrt(width))


def judge(
    eyes: Eyes, images: np.ndarray, labels: np.ndarray, real: Real
) -> list[tuple[str, float]]:
    """(name, value) of each score of samples [n, H, W, C] with `labels` [n].

    The Frechet distance stands beside what its value would be for real images (the floor), for
    noise and for the means of the classes (the ceilings), all with as many images.
    """
    samples, classes = eyes(images)
    train, _ = eyes(real.train)
    val, val_classes = eyes(real.val)
    net = eyes.trained.base
    rows = []
    # a network of labels, of numbers or without a classifier has features, but names no class
    if eyes.trained.gives == "class":
        is_class = labels < len(eyes.trained.labels)  # "no label" is none
        if is_class.any():
            hits = (classes == labels)[is_class]
            rows.append(("accuracy of the classifier on samples", float(hits.mean())))
        hits = val_classes == real.val_labels
        rows.append(("accuracy on validation images", float(hits.mean())))
    rows += _frechet_rows(eyes, real, samples, train, val)
    rows.append((f"kernel_{net}", scores.kernel_distance(samples, train)))
    rows.append(("  validation images", scores.kernel_distance(val, train)))
    rows += _manifold_rows(train, samples)
    return rows + memorised(images, real)


def _frechet_rows(
    eyes: Eyes, real: Real, samples: np.ndarray, train: np.ndarray, val: np.ndarray
) -> list[tuple[str, float]]:
    """The Frechet distance of features [., D] of samples from those of training images.

    Below it stand what it is for real images, for noise and for the means of the classes.
    """
    count = min(len(samples), len(train) // 2)
    reference = scores.moments(train)
    shape = (count, *real.train.shape[1:])
    noise = np.random.default_rng(SEED).integers(0, 256, shape).astype(np.uint8)
    of_noise, _ = eyes(noise)
    of_means, _ = eyes(class_means(real, count))

    def distance(features: np.ndarray) -> float:
        return scores.frechet(scores.moments(features), reference)

    rest = scores.moments(train[count:])
    floor = scores.frechet(scores.moments(train[:count]), rest)
    return [
        (f"frechet_{eyes.trained.base}", distance(samples)),
        (f"  floor: {count} training images against the rest", floor),
        (f"  {len(val)} validation images", distance(val)),
        ("  ceiling: noise", distance(of_noise)),
        ("  ceiling: means of classes", distance(of_means)),
    ]


def _manifold_rows(real: np.ndarray, samples: np.ndarray) -> list[tuple[str, float]]:
    """Precision, recall and the like, of features [., D]."""
    found = scores.manifold(real, samples)
    return [(field.name, getattr(found, field.name)) for field in dataclasses.fields(found)]


def class_means(real: Real, count: int) -> np.ndarray:
    """uint8 [count, H, W, C]: the mean training image of the class of each of `count` images."""
    labels = real.train_labels[:count]
    means = {k: real.train[real.train_labels == k].mean(0) for k in np.unique(labels)}
    return np.stack([means[k] for k in labels]).astype(np.uint8)


def memorised(images: np.ndarray, real: Real) -> list[tuple[str, float]]:
    """Distances to the nearest training image in pixels of 0 to 255, root mean square.

    Samples that are much nearer than validation images are copies.
    """

    def flat(x: np.ndarray) -> np.ndarray:
        # over the root of the number of pixels: a distance is then a root mean square
        return x.reshape(len(x), -1) / np.sqrt(np.prod(x.shape[1:]))

    known = flat(real.train)
    _, ours = scores.nearest(flat(images), known)
    _, held_out = scores.nearest(flat(real.val), known)
    return [
        ("nearest training image: median distance of samples", float(np.median(ours))),
        ("  of validation images", float(np.median(held_out))),
        ("  least of samples", float(ours.min())),
    ]


def judge_features(path: Any) -> list[tuple[str, float]]:
    """Scores of features that the user has computed; FID where they are Inception's.

    Args:
      path: an `.npz` with `samples` [n, D], and `real` [m, D] or `mu` [D] and `sigma` [D, D].

    Raises:
      UserError: no such file or arrays.
    """
    try:
        arrays = dict(np.load(path))
    except (OSError, ValueError) as problem:
        raise UserError(f"--features={path} cannot be read ({problem}); give an .npz") from None
    has_moments = {"mu", "sigma"} <= arrays.keys()
    if "samples" not in arrays or not ("real" in arrays or has_moments):
        raise UserError(
            f"--features={path} has {', '.join(arrays) or 'nothing'}; expected samples [n, D], and "
            "real [m, D] or mu [D] and sigma [D, D]"
        )
    samples = arrays["samples"]
    if has_moments:
        real = scores.Moments(arrays["mu"], arrays["sigma"], 0)
    else:
        real = scores.moments(arrays["real"])
    if samples.ndim != 2 or samples.shape[1:] != real.mean.shape:
        raise UserError(
            f"--features={path}: samples are {samples.shape}, real features have "
            f"{real.mean.shape[0]} numbers; give features of one network"
        )
    distance = scores.frechet(scores.moments(samples), real)
    rows = [("frechet (FID if the features are Inception's)", distance)]
    if "real" in arrays:
        kernel = scores.kernel_distance(samples, arrays["real"])
        rows.append(("kernel (KID if the features are Inception's)", kernel))
        rows += _manifold_rows(arrays["real"], samples)
    return rows
