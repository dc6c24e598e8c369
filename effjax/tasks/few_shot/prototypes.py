"""Classes known by the mean of a few examples: Meta-Baseline's rule, and its accuracy.

Meta-Baseline: Exploring Simple Meta-Learning for Few-Shot Learning, Chen et al. 2021,
https://arxiv.org/abs/2003.04390.

Shapes: E episodes, W classes, K shots, Q queries of a class, D features.
"""

from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.data.episodes import check_enough, draw_episode, rows_by_class
from effjax.errors import UserError

Metric = Literal["cosine", "dot", "squared"]
METRICS = ("cosine", "dot", "squared")
EPS = 1e-12  # of a length
SEED = 3  # of the episodes of an evaluation, beside the seed that is asked for


def similarities(queries: Array, prototypes: Array, metric: Metric = "cosine") -> Array:
    """[..., M, W] of queries [..., M, D] and prototypes [..., W, D]; larger is nearer."""
    if metric == "squared":
        gap = queries[..., :, None, :] - prototypes[..., None, :, :]
        return -jnp.square(gap).sum(-1)
    if metric == "cosine":
        queries = _unit(queries)
        prototypes = _unit(prototypes)
    return jnp.einsum("...md,...wd->...mw", queries, prototypes)


def _unit(x: Array) -> Array:
    length = jnp.sqrt(jnp.square(x).sum(-1, keepdims=True))
    return x / jnp.maximum(length, EPS)


def episode_logits(features: Array, shots: int, metric: Metric = "cosine") -> tuple[Array, Array]:
    """(similarities [E, W * Q, W], the class of each query [W * Q]) of features [E, W, K + Q, D].

    A prototype is the mean of the features as they are; both sides are made unit after that.
    """
    ways = features.shape[1]
    prototypes = features[:, :, :shots].mean(2)  # [E, W, D]
    asked = features[:, :, shots:]  # [E, W, Q, D]
    queries = asked.reshape(len(features), -1, features.shape[-1])
    labels = jnp.repeat(jnp.arange(ways), asked.shape[2])
    return similarities(queries, prototypes, metric), labels


def accuracies(
    features: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 15,
    episodes: int = 600,
    seed: int = 0,
    metric: Metric = "cosine",
) -> np.ndarray:
    """[episodes]: the share of queries whose nearest prototype is that of their class.

    The episodes depend on the labels, the sizes and the seed alone, so that two networks that are
    compared see the same ones.

    Args:
      features: [N, D], of images that no network has learned from.
      labels: [N] int.
      names: of the classes.

    Raises:
      UserError: sizes that the data cannot fill, or features that are not finite.
    """
    if ways < 2:
        raise UserError(f"ways = {ways}: give 2 or more")
    for what, value in {"shots": shots, "queries": queries}.items():
        if value < 1:
            raise UserError(f"{what} = {value}: give 1 or more")
    if episodes < 2:
        raise UserError(f"episodes = {episodes}: an interval needs 2 or more")
    if not np.isfinite(features).all():
        raise UserError("some features are not finite: episodes of them would say nothing")
    by_class = rows_by_class(np.asarray(labels), len(names))
    check_enough(by_class, names, ways, shots + queries)
    found = np.zeros(episodes)
    for number in range(episodes):
        rng = np.random.default_rng((seed, SEED, number))
        _, rows = draw_episode(rng, by_class, ways, shots + queries)
        found[number] = _share_right(features[rows], shots, metric)
    return found


def _share_right(features: np.ndarray, shots: int, metric: Metric) -> float:
    """Of one episode [W, K + Q, D]; in numpy, since hundreds of small calls would wait for JAX."""
    ways, _, width = features.shape
    prototypes = features[:, :shots].mean(1)
    queries = features[:, shots:].reshape(-1, width)
    if metric == "cosine":
        queries = _unit_rows(queries)
        prototypes = _unit_rows(prototypes)
    scores = queries @ prototypes.T  # [W * Q, W]
    if metric == "squared":
        scores = 2 * scores - np.square(prototypes).sum(-1)
    wanted = np.repeat(np.arange(ways), features.shape[1] - shots)
    return float((scores.argmax(1) == wanted).mean())


def _unit_rows(x: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.maximum(length, EPS)
