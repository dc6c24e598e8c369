"""How well scores rank the positive examples first: average precision, AUC, F1.

They need the whole set: no mean over batches gives them.

Shapes: N examples.
"""

import numpy as np

UNDEFINED = float("nan")


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """sum over thresholds of (recall gained) * precision; equal scores share one threshold.

    Args:
      scores: [N], larger means more likely.
      positive: bool [N].

    Returns:
      0 to 1; NaN where no example is positive, or a score is NaN.
    """
    if _is_undefined(scores, positive):
        return UNDEFINED
    precision, gained = _precisions(scores, positive)
    return float(np.sum(gained * precision))


def interpolated_average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """The area under the precision that is reached at each recall or beyond (VOC since 2010).

    Args:
      scores: [N], larger means more likely.
      positive: bool [N].

    Returns:
      0 to 1; NaN where no example is positive, or a score is NaN.
    """
    if _is_undefined(scores, positive):
        return UNDEFINED
    precision, gained = _precisions(scores, positive)
    # what is reached further on counts here too
    reached = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(gained * reached))


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The probability that a positive example scores above a negative one; ties count half.

    Returns:
      0 to 1; NaN where all examples are positive, or none, or a score is NaN.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives or np.isnan(scores).any():
        return UNDEFINED
    # not above: a training that ranks nothing starts without it
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    # the Mann-Whitney statistic: pairs in the right order
    in_order = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(in_order / (positives * negatives))


def f1(chosen: np.ndarray, positive: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN) of bool arrays of one shape; NaN where none is chosen or positive."""
    both = int(np.sum(chosen & positive))
    either = int(np.sum(chosen)) + int(np.sum(positive))
    if not either:
        return UNDEFINED
    return 2 * both / either


def _is_undefined(scores: np.ndarray, positive: np.ndarray) -> bool:
    return not positive.any() or bool(np.isnan(scores).any())


def _precisions(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(precision, recall gained) at each distinct score, highest first."""
    found, taken = _found_at_thresholds(scores, positive)
    recall = found / int(positive.sum())
    return found / taken, np.diff(recall, prepend=0)


def _found_at_thresholds(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positives, examples) that score at least as much as each distinct score, highest first."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # the last place of each run of equal scores
    steps = np.diff(ordered, append=-np.inf)
    last = np.flatnonzero(steps)
    found = np.cumsum(positive[order])
    taken = last + 1
    return found[last], taken
