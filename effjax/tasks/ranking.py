"""How well scores rank the positive examples first: average precision, AUC, F1.

They need the whole set: no mean over batches gives them.

Shapes: N examples.
"""

import numpy as np


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """sum over thresholds of (recall gained) * precision; equal scores share one threshold.

    Args:
      scores: [N], larger means more likely.
      positive: bool [N].

    Returns:
      0 to 1; NaN where no example is positive, or a score is NaN.
    """
    if not positive.any() or np.isnan(scores).any():
        return float("nan")
    found, taken = _found_at_thresholds(scores, positive)
    precision = found / taken
    gained = np.diff(found, prepend=0) / positive.sum()
    return float((gained * precision).sum())


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The probability that a positive example scores above a negative one; ties count half.

    Returns:
      0 to 1; NaN where all examples are positive, or none, or a score is NaN.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives or np.isnan(scores).any():
        return float("nan")
    found, taken = _found_at_thresholds(scores, positive)
    wrong = taken - found
    # trapezes under the curve of found against wrong ones
    widths = np.diff(wrong, prepend=0)
    before = np.concatenate([[0], found[:-1]])
    area = (widths * (before + found) / 2).sum()
    return float(area / (positives * negatives))


def f1(chosen: np.ndarray, positive: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN) of bool arrays of one shape; NaN where none is chosen or positive."""
    both = int((chosen & positive).sum())
    either = int(chosen.sum()) + int(positive.sum())
    return 2 * both / either if either else float("nan")


def _found_at_thresholds(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positives, examples) that score at least as much as each distinct score, highest first."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))  # of each run of equal scores
    found = np.cumsum(positive[order])[last]
    return found, last + 1
