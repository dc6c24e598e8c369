"""Values that Pillow computes one by one and cuts off behind the point, from sums in float32.

A sum in float32 is wrong by less than a margin. It is therefore cut off twice: with the margin
taken off and with the margin added. Where both give the same value, that is Pillow's. The few
others are computed again as Pillow does.

Shapes: every array is uint8 or float32 of one shape, [H, W, 3] or [H, 3 W]; N values of it.
"""

from collections.abc import Callable

import cv2
import numpy as np

HALF = 0.5  # OpenCV rounds to the nearest value; half less than a value is cut off by that
# A float32 sum of a few values up to 255, with weights up to 1, is wrong by less than half of it.
MARGIN = 2e-4

Exact = Callable[[np.ndarray], np.ndarray]  # places in the flattened array [N] -> values [N]


def cut_off(sums: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Writes what sums of weights of 1, float32 and not negative, are at least and at most.

    OpenCV takes the absolute value, so that near 0 `low` is 1: another value than `high` as well.
    """
    cv2.convertScaleAbs(sums, low, alpha=1, beta=-HALF - MARGIN)
    cv2.convertScaleAbs(sums, high, alpha=1, beta=-HALF + MARGIN)


def cut_blend(start: np.ndarray, end: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """What start + share (end - start) of uint8 is at least and at most, clipped to 0 to 255."""
    margin = MARGIN * (1 + abs(share))
    low = cv2.addWeighted(start, 1 - share, end, share, -HALF - margin)
    high = cv2.addWeighted(start, 1 - share, end, share, -HALF + margin)
    return low, high


def blend(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """start + share (end - start) of uint8, as `Image.blend` computes it."""

    def exact(places: np.ndarray) -> np.ndarray:
        first = start.reshape(-1)[places].astype(np.float32)
        last = end.reshape(-1)[places].astype(np.float32)
        return first + np.float32(share) * (last - first)

    low, high = cut_blend(start, end, share)
    return settle(low, high, cv2.compare(start, end, cv2.CMP_NE), exact)


def settle(low: np.ndarray, high: np.ndarray, differ: np.ndarray, exact: Exact) -> np.ndarray:
    """`high`, and where `low` is another value, what `exact` gives; written into `high`.

    Args:
      differ: uint8, 0 where all values of a sum are equal. The sum is that value then, and
        `high` has it whatever `low` is.
    """
    unsure = cv2.bitwise_and(cv2.compare(low, high, cv2.CMP_NE), differ)
    places = np.flatnonzero(unsure.view(bool))  # of booleans NumPy finds them 15 times as fast
    if places.size:
        high.reshape(-1)[places] = np.clip(exact(places), 0, 255)
    return high
