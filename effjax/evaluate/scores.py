"""What may be said of logits and labels: accuracy, by class, confusion, calibration.

Shapes: N examples, K classes.
"""

import dataclasses

import numpy as np

BINS = 15


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How far confidence may be trusted (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Attributes:
      edges: [BINS + 1] of the confidences' bins, equally wide from 0 to 1.
      counts, confidence, accuracy: [BINS] of the examples in each; 0 where there are none.
      error: the mean of |confidence - accuracy|, weighted by the counts.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[N]: how many classes score at least as well as the right one; 1 = right, ties count against.

    Args:
      logits: [N, K].
      labels: [N] int.
    """
    own = np.take_along_axis(logits, labels[:, None], 1)
    return (logits >= own).sum(1)


def overall(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """{"top1", "top5", "loss", "calibration_error"} of all examples."""
    place = ranks(logits, labels)
    logs = log_softmax(logits)
    return {
        "top1": float((place <= 1).mean()),
        "top5": float((place <= 5).mean()),
        "loss": float(-np.take_along_axis(logs, labels[:, None], 1).mean()),
        "calibration_error": calibration(logits, labels).error,
    }


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """[N, K] in float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[K, K] counts: row the true class, column what was said."""
    classes = logits.shape[1]
    cells = labels * classes + logits.argmax(1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def by_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """{"examples", "recall", "precision", "mistaken_for"}, each [K], of a confusion matrix.

    `recall` is the share of a class that is found, `precision` the share of what is called so that
    is so; nan where there is nothing to divide by. `mistaken_for` is the commonest wrong answer, -1
    where there is none.
    """
    right, truth, said = np.diag(counts), counts.sum(1), counts.sum(0)
    wrong = counts - np.diag(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = right / truth, right / said
    mistaken = np.where(wrong.any(1), wrong.argmax(1), -1)
    return {
        "examples": truth,
        "recall": recall,
        "precision": precision,
        "mistaken_for": mistaken,
    }


def calibration(logits: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Calibration:
    """The reliability of the largest probability of each example."""
    confidence = np.exp(log_softmax(logits).max(1))
    right = logits.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, weights=w, minlength=bins) for w in (confidence, right)]
    mean, accuracy = (total / np.maximum(counts, 1) for total in sums)
    error = float((counts * np.abs(mean - accuracy)).sum() / max(1, counts.sum()))
    return Calibration(edges, counts, mean, accuracy, error)
