"""Plain quantisers: to evenly spaced levels, and to shared centroids.

They are references and serve the choice of bits; a network is quantised by qwix.

HAQ, Wang et al. 2019, https://arxiv.org/abs/1811.08886.
"""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.errors import UserError

TOLERANCE = 1e-4  # of the variance: k-means ends where its centroids move less, as scikit-learn's


def check_bits(
    bits: int,
    least: int = 1,
) -> None:
    """Raises UserError for a number of bits that has no levels."""
    if not least <= bits <= 16:
        raise UserError(f"bits = {bits}: expected a whole number from {least} to 16")


def linear_weights(
    weights: jax.Array,
    bits: int,
) -> jax.Array:
    """Weights rounded to 2^bits - 1 levels around 0; the gradient goes straight through.

    Raises:
      UserError: fewer than 2 bits, which leave the level 0 alone.
    """
    check_bits(bits, least=2)
    scale = jnp.abs(weights).max() / (2 ** (bits - 1) - 1)
    levels = jnp.round(weights / scale) * scale
    return weights + jax.lax.stop_gradient(levels - weights)


def linear_activations(
    x: jax.Array,
    limit: jax.Array | float,
    bits: int,
    signed: bool = False,
) -> jax.Array:
    """Activations clipped to [0, limit], or [-limit, limit], and rounded to evenly spaced levels.

    The gradient goes through the clip: to `x` inside of it, to `limit` outside.
    """
    check_bits(bits, least=1 + signed)
    clipped = jnp.clip(x, -limit if signed else 0.0, limit)
    scale = limit / (2 ** (bits - signed) - 1)
    levels = jnp.round(clipped / scale) * scale
    return clipped + jax.lax.stop_gradient(levels - clipped)


def kmeans(
    weights: np.ndarray,
    bits: int,
    rounds: int = 50,
) -> tuple[np.ndarray, np.ndarray]:
    """Lloyd's algorithm on the entries of an array, from their quantiles.

    Evenly spaced starts would leave clusters empty.

    Returns:
      (centroids [2^bits], the cluster of each entry in the shape of `weights`).
    """
    check_bits(bits)
    entries = np.asarray(weights, np.float64).ravel()
    count = 2**bits
    centroids = np.quantile(entries, (np.arange(count) + 0.5) / count)
    least_move = TOLERANCE * entries.var()
    clusters = None
    for _ in range(rounds):
        before = clusters
        clusters = _nearest(entries, centroids)
        moved = means_of(entries, clusters, centroids)
        shift = ((moved - centroids) ** 2).sum()
        centroids = moved
        if before is not None and np.array_equal(before, clusters):
            return centroids, clusters.reshape(np.shape(weights))
        if shift <= least_move:
            break
    clusters = _nearest(entries, centroids)
    return centroids, clusters.reshape(np.shape(weights))


def _nearest(
    entries: np.ndarray,
    centroids: np.ndarray,
) -> np.ndarray:
    return np.abs(entries[:, None] - centroids).argmin(1)


def means_of(
    entries: np.ndarray,
    clusters: np.ndarray,
    otherwise: np.ndarray,
) -> np.ndarray:
    """The mean of each cluster's entries; of an empty one what it was."""
    counts = np.bincount(clusters.ravel(), minlength=len(otherwise))
    sums = np.bincount(clusters.ravel(), weights=entries.ravel(), minlength=len(otherwise))
    return np.where(counts > 0, sums / np.maximum(counts, 1), otherwise)


def calibrated_limit(
    values: np.ndarray,
    bits: int,
) -> float:
    """Where to clip |values| so that their distribution changes least by `bits` bits.

    Of every limit the distance between the cumulative shares before and after is taken.
    """
    sizes = np.abs(np.asarray(values, np.float64)).ravel()
    bins = int(np.ceil(np.sqrt(sizes.size)))
    counts, edges = np.histogram(sizes, bins=bins, range=(0.0, sizes.max()))
    width = edges[1] - edges[0]
    shares = np.cumsum(counts) / sizes.size
    levels = 2 ** (bits - 1)
    best = np.inf
    limit = sizes.max()
    for end in range(levels + 1, bins + 1):
        clipped = shares.copy()
        clipped[end - 1 :] = 1.0
        clipped[:end] = _through(clipped[:end], levels)
        some = shares > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (shares[some] - clipped[some]) * np.log(shares[some] / clipped[some])
        distance = terms.sum()
        if distance < best:
            best = distance
            limit = (end + 0.5) * width
    return float(limit)


def _through(
    values: np.ndarray,
    points: int,
) -> np.ndarray:
    """Values brought to so many evenly spaced points and back, linearly."""
    fine = np.linspace(0.0, 1.0, len(values))
    coarse = np.linspace(0.0, 1.0, points)
    return np.interp(fine, coarse, np.interp(coarse, fine, values))
