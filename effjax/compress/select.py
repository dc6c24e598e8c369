"""From scores to masks: which weights are kept.

A scope says among which weights a score is compared: all (`global`), those of a layer with the same
density everywhere (`layer`), or those of a layer with ERK densities (`erk`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from effjax.compress.densities import check_density, erk, uniform
from effjax.errors import UserError

Scope = Literal["global", "layer", "erk"]
Scores = Mapping[str, Any]
# "exact" keeps the number that is asked for; "together" drops all that equal the threshold, as in
# the code of Tanaka et al., so that a layer whose scores are 0 goes as a whole
Ties = Literal["exact", "together"]


def select(
    scores: Scores,
    density: float,
    scope: Scope = "global",
    masks: Mapping[str, Any] | None = None,
    ties: Ties = "exact",
) -> dict[str, np.ndarray]:
    """Masks that keep the largest scores.

    Args:
      scores: {path: score of each weight}; large is kept.
      density: the share that is kept, of all weights together.
      scope: among which weights scores are compared.
      masks: of a round before; what they dropped stays dropped.
      ties: see `Ties`.

    Raises:
      UserError: a density that is none, or scores that are not finite.
    """
    check_density(density)
    flat = {path: np.asarray(score, np.float64).ravel() for path, score in scores.items()}
    for path, score in flat.items():
        if not np.all(np.isfinite(score)):
            raise UserError(
                f"the scores of {path} are not finite: the loss or a gradient has overflowed\n"
                "give another score, more moderate weights, or float64"
            )
    if masks is not None:
        flat = {path: _dropped_last(score, masks[path]) for path, score in flat.items()}
    if scope == "global":
        joined = np.concatenate(list(flat.values()))
        kept = _keep(joined, density, ties)
        ends = np.cumsum([score.size for score in flat.values()])[:-1]
        parts = dict(zip(flat, np.split(kept, ends), strict=True))
    else:
        shapes = {path: np.shape(score) for path, score in scores.items()}
        densities = {"layer": uniform, "erk": erk}[scope](shapes, density)
        parts = {path: _keep(score, densities[path], ties) for path, score in flat.items()}
    return {path: part.reshape(np.shape(scores[path])) for path, part in parts.items()}


def _dropped_last(
    scores: np.ndarray,
    mask: Any,
) -> np.ndarray:
    """Scores in which what is masked is less than everything else."""
    return np.where(np.asarray(mask).ravel() != 0, scores, -np.inf)


def _keep(
    scores: np.ndarray,
    density: float,
    ties: Ties,
) -> np.ndarray:
    """int8 [n]: 1 where the score is among the largest."""
    dropped = int((1.0 - density) * scores.size)
    kept = np.ones(scores.size, np.int8)
    if dropped < 1:
        return kept
    if ties == "together":
        threshold = np.partition(scores, dropped - 1)[dropped - 1]
        return (scores > threshold).astype(np.int8)
    # of equal scores the first ones go: a stable order makes the masks reproducible
    order = np.argsort(scores, kind="stable")
    kept[order[:dropped]] = 0
    return kept


def prune(
    score: Callable[[Mapping[str, Any]], Scores],
    start: Mapping[str, Any],
    densities: list[float],
    scope: Scope = "global",
    ties: Ties = "exact",
    regrow: bool = False,
) -> dict[str, np.ndarray]:
    """Masks after several rounds, each with scores under the masks of the round before.

    Args:
      score: masks -> scores of the network under them.
      start: the masks before the first round.
      densities: after each round.
      regrow: whether a later round may take back what an earlier one has dropped, as the code of
        Tanaka et al. does.
    """
    masks = start
    for density in densities:
        before = None if regrow else masks
        masks = select(score(masks), density, scope, before, ties)
    return dict(masks)
