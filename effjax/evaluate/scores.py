"""Scores of logits and labels: accuracy, by class, confusion, ranking, calibration.

A logit that is NaN or infinite is never right: such an example has no answer, and counts as wrong.

Shapes: N examples, K classes.
"""

import dataclasses

import numpy as np

from effjax.errors import UserError
from effjax.tasks.pretraining.frozen_features import NO_ANSWER
from effjax.tasks.ranking import auc

Array = np.ndarray
BINS = 15


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How far confidence may be trusted (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Attributes:
      edges: [BINS + 1] of the confidences' bins, equally wide from 0 to 1.
      counts, confidence, accuracy: [BINS] of the examples in each; 0 where there are none.
      error: the mean of |confidence - accuracy|, weighted by the counts; NaN without examples.
    """

    edges: Array
    counts: Array
    confidence: Array
    accuracy: Array
    error: float


def check_labels(labels: Array, classes: int) -> None:
    """Refuses labels [N] that are no class of the network.

    Raises:
      UserError: naming the first one.
    """
    too_small = labels < 0
    too_large = labels >= classes
    unknown = too_small | too_large
    if not unknown.any():
        return
    row = int(unknown.argmax())  # the first that is True
    raise UserError(
        f"{unknown.sum()} of {len(labels)} labels are no class of the network: the first is "
        f"{labels[row]} (example {row}); expected 0 to {classes - 1}\n"
        "give images of the classes that it was trained on"
    )


def is_finite(logits: Array) -> Array:
    """[N] bool: whether all logits [N, K] of an example are finite numbers."""
    return np.isfinite(logits).all(1)


def predicted(logits: Array) -> Array:
    """[N] int: the class with the largest of the logits [N, K], or NO_ANSWER."""
    # argmax of NaN is NaN's own place, which may well be the right class
    largest = logits.argmax(1)
    return np.where(is_finite(logits), largest, NO_ANSWER)


def ranks(logits: Array, labels: Array) -> Array:
    """[N]: how many classes score at least as well as the right one; 1 = right, ties count against.

    An example whose logits are not finite ranks below all classes.

    Args:
      logits: [N, K].
      labels: [N] int, from 0 to K - 1.
    """
    own = np.take_along_axis(logits, labels[:, None], 1)  # [N, 1]
    # >=: a network that gives all classes the same score knows nothing
    rank = (logits >= own).sum(1)
    last = np.iinfo(rank.dtype).max
    return np.where(is_finite(logits), rank, last)


def overall(logits: Array, labels: Array) -> dict[str, float]:
    """{"top1", "top5", "loss", "calibration_error"} of all examples.

    Raises:
      UserError: labels that are no class.
    """
    check_labels(labels, logits.shape[1])
    rank = ranks(logits, labels)
    log_probabilities = log_softmax(logits)
    losses = -np.take_along_axis(log_probabilities, labels[:, None], 1)
    return {
        "top1": float((rank <= 1).mean()),
        "top5": float((rank <= 5).mean()),
        "loss": float(losses.mean()),
        "calibration_error": calibration(logits, labels).error,
    }


def log_softmax(logits: Array) -> Array:
    """[N, K] in float64; NaN for an example whose logits are not finite."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        largest = logits.max(1, keepdims=True)
        # the largest becomes 0, so that `exp` cannot overflow
        shifted = logits.astype(np.float64) - largest
    total = np.exp(shifted).sum(1, keepdims=True)
    return shifted - np.log(total)


def confusion(logits: Array, labels: Array) -> Array:
    """[K, K] counts: row the true class, column the predicted one.

    An example without a prediction is counted nowhere.
    """
    classes = logits.shape[1]
    answered = is_finite(logits)
    true_class = labels[answered]
    predicted_class = logits[answered].argmax(1)
    # each cell of the matrix has a number, row by row
    cells = true_class * classes + predicted_class
    counts = np.bincount(cells, minlength=classes**2)
    return counts.reshape(classes, classes)


def by_class(counts: Array, examples: Array | None = None) -> dict[str, Array]:
    """{"examples", "recall", "precision", "f1", "mistaken_for"}, each [K].

    `recall` is the share of a class's examples that are predicted as it, `precision` the share of
    the predictions of a class that are right, `f1` their harmonic mean; NaN where there is nothing
    to divide by. `mistaken_for` is the most frequent wrong prediction, -1 where there is none.

    Args:
      counts: a confusion matrix [K, K].
      examples: [K] of each class; None: those in `counts`, where every example has a prediction.
    """
    if examples is None:
        examples = counts.sum(1)
    right = np.diag(counts)
    predictions = counts.sum(0)
    wrong = counts - np.diag(right)
    most_frequent = wrong.argmax(1)
    mistaken_for = np.where(wrong.any(1), most_frequent, -1)
    # 0 / 0 is NaN, which says that there is nothing to say
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / examples
        precision = right / predictions
        # as a ratio of counts: 0 for a class that is never predicted, where precision is NaN
        f1 = 2 * right / (examples + predictions)
    return {
        "examples": examples,
        "recall": recall,
        "precision": precision,
        "f1": f1,
        "mistaken_for": mistaken_for,
    }


def area_under_roc(logits: Array, labels: Array) -> Array:
    """[K]: how well a class's probability ranks its examples above all others; ties count half.

    NaN for a class without examples, or without others. An example whose logits are not finite
    ranks last among its own class and first among the others.

    Args:
      logits: [N, K].
      labels: [N] int, from 0 to K - 1.
    """
    finite = is_finite(logits)
    log_probabilities = log_softmax(logits)
    areas = np.full(logits.shape[1], np.nan)
    for k in range(logits.shape[1]):
        own = labels == k
        without_answer = np.where(own, -np.inf, np.inf)
        areas[k] = auc(np.where(finite, log_probabilities[:, k], without_answer), own)
    return areas


def calibration(logits: Array, labels: Array, bins: int = BINS) -> Calibration:
    """The reliability of the largest probability of each example that has a prediction."""
    answered = is_finite(logits)
    logits = logits[answered]
    labels = labels[answered]
    confidence = _confidence(logits)
    right = logits.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    inner_edges = edges[1:-1]
    place = np.digitize(confidence, inner_edges, right=True)
    counts = np.bincount(place, minlength=bins)
    divisor = np.maximum(counts, 1)  # an empty bin has mean and accuracy 0
    confidence_sums = np.bincount(place, weights=confidence, minlength=bins)
    right_sums = np.bincount(place, weights=right, minlength=bins)
    mean = confidence_sums / divisor
    accuracy = right_sums / divisor
    error = float("nan")
    if counts.any():
        gaps = counts * np.abs(mean - accuracy)
        error = float(gaps.sum() / counts.sum())
    return Calibration(edges, counts, mean, accuracy, error)


def _confidence(logits: Array) -> Array:
    """[N]: the largest probability of each example."""
    if not len(logits):  # the maximum of nothing is an error in NumPy
        return np.zeros(0)
    log_probabilities = log_softmax(logits)
    return np.exp(log_probabilities.max(1))
