"""Whether the task had a preference for some sizes, as the search's own trajectory tells.

With nothing learned all logits are equal, and the budget alone gives *even* sizes. Two numbers say
more: how far the sizes end from even ones at the same cost, and how directly they went there.

Shapes: T rows of metrics, S sizes.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from effjax.search.kernel_sizes.supernet import Supernet

Verdict = Literal["none", "noise", "preference"]
HALF_A_RING = 0.5  # a smaller distance does not change a rounded size
STEADIER = 2.0  # times as direct as a random walk: then the path counts as a direction
EDGE = 1e-4  # shares of a range are kept so far from 0 and 1, where logits have no end


@dataclasses.dataclass(frozen=True)
class Preference:
    """What the trajectory of a search says of the task.

    Attributes:
      moved: distance of the soft sizes from even ones at the same cost, in rings, mean over sizes.
      farthest: the same, of the size that is farthest.
      directness: the net way of the logits as a share of the way that they went, in [0, 1]; None
        where the trajectory has fewer than three rows.
      random_walk: the directness that a random walk with as many steps has on average, about.
    """

    moved: float
    farthest: float
    directness: float | None
    random_walk: float | None

    @property
    def verdict(self) -> Verdict:
        """ "none", "noise" (moved, but no steadier than at random) or "preference"."""
        if self.farthest < HALF_A_RING:
            return "none"
        if self.directness is not None and self.directness < STEADIER * self.random_walk:
            return "noise"
        return "preference"

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        if self.verdict == "none":
            return (
                f"the task showed no preference: no size ends more than {self.farthest:.2f} rings "
                "from what the budget gives without a search"
            )
        distance = (
            f"sizes end {self.moved:.2f} rings from even ones on average, "
            f"{self.farthest:.2f} at most"
        )
        if self.directness is None:
            return f"{distance}; too few rows to tell a direction from noise"
        path = f"directness {self.directness:.2f}, a random walk has {self.random_walk:.2f}"
        if self.verdict == "noise":
            return f"{distance}, but went back and forth ({path}): this may be noise"
        return f"the task had a preference: {distance} ({path})"

    def to_json(self) -> dict[str, Any]:
        """The entry of search.json."""
        numbers = {
            name: None if value is None else round(value, 3)
            for name, value in dataclasses.asdict(self).items()
        }
        return {"verdict": self.verdict, **numbers, "sentence": self.sentence}


def preference_of(
    net: Supernet,
    soft: np.ndarray,
    rows: Sequence[Mapping[str, Any]] = (),
    hold: int = 0,
) -> Preference:
    """How far from even sizes a search has gone, and how directly.

    Args:
      net: what was searched.
      soft: the sizes at its end [S].
      rows: of metrics.jsonl, with "search/<name>" of each size; none: no directness.
      hold: the number of updates in which sizes were frozen.
    """
    even = net.even_sizes(net.cost.soft(jnp.asarray(soft)))
    rings = np.abs(np.asarray(soft) - np.asarray(even)) / 2  # a ring is two taps
    logits = relative_logits(net, rows, hold)
    directness = None
    random_walk = None
    if len(logits) > 2:
        directness = directness_of(logits)
        random_walk = 1 / math.sqrt(len(logits) - 1)
    return Preference(float(rings.mean()), float(rings.max()), directness, random_walk)


def relative_logits(
    net: Supernet,
    rows: Sequence[Mapping[str, Any]],
    hold: int,
) -> np.ndarray:
    """[T, S']: where each size stands in its range, relative to the mean of all, as a logit.

    The mean takes out what the budget does to all sizes alike. Sizes that have no range are left
    out.
    """
    keys = [f"search/{name}" for name in net.sizes.names]
    path = []
    for row in rows:
        if row["step"] > hold and keys[0] in row:
            path.append([row[key] for key in keys])
    has_range = net.sizes.largest > 1
    sizes = np.asarray(path, np.float64).reshape(-1, len(keys))[:, has_range]
    largest = net.sizes.largest[has_range][None]
    share = (sizes - 1) / (largest - 1)  # the inverse of `to_sizes`
    share = np.clip(share, EDGE, 1 - EDGE)
    logits = np.log(share / (1 - share))
    return logits - logits.mean(1, keepdims=True)


def directness_of(path: np.ndarray) -> float:
    """Net distance over length of a path [T, S], both summed over sizes; 0 where nothing moved."""
    net_distance = np.abs(path[-1] - path[0]).sum()
    length = np.abs(np.diff(path, axis=0)).sum()
    return float(net_distance / length) if length else 0.0
