"""How densely samples lie in the neighbourhoods of a trained generator's own samples.

A reconstruction of Ganjdanesh et al. 2024, https://arxiv.org/abs/2312.14776, of which no code is
published: samples of the original generator are centres, the nearest of its samples are the
neighbourhood of each, and a smaller generator has to keep the density in every neighbourhood. Here
densities are those of a Gaussian kernel; the authors let a critic compare the samples.
Shapes: N samples, M neighbourhoods, k members of each, D features.
"""

import jax
import jax.numpy as jnp
from jax import Array


def squared_distances(one: Array, other: Array) -> Array:
    """[..., n, m] of features [..., n, D] and [..., m, D]."""
    return jnp.square(one[..., :, None, :] - other[..., None, :, :]).sum(-1)


def neighbourhoods(features: Array, members: int) -> Array:
    """[N, k]: the nearest samples of each of N samples [N, D], itself first."""
    lengths = jnp.square(features).sum(-1)
    # the distances but for the centre's own length: [N, N, D] would not fit
    closeness = 2 * features @ features.T - lengths[None]
    own = jnp.eye(len(features), dtype=bool)
    return jax.lax.top_k(jnp.where(own, jnp.inf, closeness), members)[1]


def log_densities(points: Array, samples: Array, variance: Array) -> Array:
    """[M, n]: logarithms of the mean Gaussian kernel of samples at points.

    The kernel is 1 at its centre, so that only densities of one variance can be compared.

    Args:
      points: [M, n, D].
      samples: [M, k, D].
      variance: [M], of the kernel in each neighbourhood.
    """
    exponents = -squared_distances(points, samples) / (2 * variance[:, None, None])
    count = samples.shape[-2]
    return jax.nn.logsumexp(exponents, axis=-1) - jnp.log(count)


def kernel_variance(features: Array) -> Array:
    """[M]: the mean squared distance of two members of a neighbourhood [M, k, D]."""
    count = features.shape[-2]
    pairs = squared_distances(features, features).sum((-2, -1))
    return pairs / (count * (count - 1))


def density_loss(found: Array, wanted: Array) -> Array:
    """The mean squared difference of log densities in neighbourhoods, at the wanted members.

    Args:
      found: [M, k, D], features of the samples of the smaller generator.
      wanted: [M, k, D], those of the original one.
    """
    variance = kernel_variance(wanted)
    difference = log_densities(wanted, found, variance) - log_densities(wanted, wanted, variance)
    return jnp.square(difference).mean()
