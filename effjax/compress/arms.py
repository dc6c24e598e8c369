"""Sanity arms: masks that keep as many weights of each layer, without a method's choice.

Frankle et al. 2021, https://arxiv.org/abs/2009.08576.
"""

from collections.abc import Mapping

import numpy as np

from effjax.compress.masks import shuffled
from effjax.compress.patterns import Pattern, n_of_m, shuffled_groups
from effjax.compress.select import select

ARMS = ("method", "shuffled", "random")


def arm_of(
    arm: str,
    masks: Mapping[str, np.ndarray],
    seed: int,
    pattern: Pattern | None = None,
) -> dict[str, np.ndarray]:
    """The masks of an arm.

    Args:
      arm: "method" gives the masks themselves, "shuffled" the same at other places, "random" draws.
      masks: of a method.
      pattern: that the masks have, and those of every arm.
    """
    if arm == "method":
        return dict(masks)
    if arm == "shuffled":
        return shuffled_groups(masks, pattern, seed) if pattern else shuffled(masks, seed)
    rng = np.random.default_rng(seed + 1)
    if pattern is not None:
        return n_of_m({path: rng.random(mask.shape) for path, mask in masks.items()}, pattern)
    return {path: _drawn(mask, path, rng) for path, mask in masks.items()}


def _drawn(
    mask: np.ndarray,
    path: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """As many weights as a mask keeps."""
    scores = {path: rng.random(mask.shape)}
    kept = np.count_nonzero(mask) / mask.size
    # of a layer that is pruned as a whole there is nothing to draw
    return mask if kept == 0 else select(scores, kept)[path]
