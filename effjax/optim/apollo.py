"""APOLLO: SGD whose channels have the step sizes that AdamW would give them.

Zhu, Zhang, Cong, Liu, Park, Chandra, Long, Pan, Wang, Lee: APOLLO: SGD-like memory, AdamW-level
performance, 2024, https://arxiv.org/abs/2412.05270.

All matrices are [inputs, outputs]; `matrices.py` says which leaves these are.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import (
    Amount,
    Epsilon,
    KeepFactor,
    Period,
    PositiveAmount,
    Rate,
    Seed,
)
from effjax.optim.matrices import folded, for_matrices, matrix_split
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map
from effjax.optim.registry import register_optimizer

_EPS = 1e-8  # of a quotient of norms


class ApolloState(NamedTuple):
    """State of `scale_by_apollo`: two arrays [rank, longer side] for each matrix."""

    count: jax.Array  # t
    mu: optax.Updates  # m
    nu: optax.Updates  # v
    length: optax.Updates  # |u| of the update before, a number for each matrix


def scale_by_apollo(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    rank: int = 32,
    one_scale: bool = False,
    most_growth: float = 1.01,
    refresh_period: int = 200,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Turns the gradients G of kernels into APOLLO's direction u.

    G [shorter, longer] is the folded kernel, turned if need be; P [rank, shorter] is normal with
    variance 1 / rank, another one every `refresh_period` updates, and is not stored.

        r = P G
        m <- b1 m + (1 - b1) r,    v <- b2 v + (1 - b2) r^2
        a = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
        u = G |a_j| / |r_j|        for each column j, or with `one_scale` for all of G
        u <- u most_growth |u before| / |u|        where u is longer than that

    Args:
        b1, b2, eps: as in Adam.
        rank: rows of r; the shorter side, if that is less. The authors take a quarter of it.
        one_scale: the authors' APOLLO-Mini, with rank=1.
        most_growth: how much longer a direction may be than the one before.
        refresh_period: updates with one P.
        seed: of P.
    """
    if rank < 1 or refresh_period < 1:
        raise ValueError(
            f"apollo needs rank and refresh_period of at least 1, got {rank} and {refresh_period}"
        )

    def init(params: optax.Params) -> ApolloState:
        return ApolloState(
            count=jnp.zeros((), jnp.int32),
            mu=_zero_moments(params, rank),
            nu=_zero_moments(params, rank),
            length=jax.tree.map(lambda p: jnp.zeros((), compute_dtype(p)), params),
        )

    def update(
        updates: optax.Updates,
        state: ApolloState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, ApolloState]:
        del params
        t = state.count + 1
        c1 = bias_correction(b1, t)
        c2 = bias_correction(b2, t)
        # P is a function of the period's number, so it need not be stored
        key = jax.random.fold_in(jax.random.key(seed), state.count // refresh_period)
        leaves, structure = jax.tree.flatten(updates)
        keys = structure.unflatten([jax.random.fold_in(key, i) for i in range(len(leaves))])

        def leaf(
            kernel: jax.Array, m: jax.Array, v: jax.Array, before: jax.Array, key: jax.Array
        ) -> tuple:
            g = _wide(kernel).astype(m.dtype)
            r = _projection(key, m.shape[0], g.shape[0], m.dtype) @ g
            m = b1 * m + (1 - b1) * r
            v = b2 * v + (1 - b2) * r**2
            a = m / c1 / (jnp.sqrt(v / c2) + eps)
            u = g * _growth(a, r, one_scale)
            u, length = _limited(u, before, most_growth)
            return _like_kernel(u, kernel), m, v, length

        trees = (updates, state.mu, state.nu, state.length, keys)
        u, m, v, length = unzip_map(leaf, trees, count=4)
        return u, ApolloState(t, m, v, length)

    return optax.GradientTransformation(init, update)


def _zero_moments(params: optax.Params, rank: int) -> optax.Updates:
    """Zeros [rank, longer side] for each matrix."""

    def of_matrix(p: jax.Array) -> jax.Array:
        shorter, longer = sorted(folded(p).shape)
        return jnp.zeros((min(rank, shorter), longer), compute_dtype(p))

    return jax.tree.map(of_matrix, params)


def _wide(kernel: jax.Array) -> jax.Array:
    """[shorter, longer]: the folded kernel, turned if it is tall."""
    matrix = folded(kernel)
    return matrix.T if _is_tall(kernel) else matrix


def _like_kernel(wide: jax.Array, kernel: jax.Array) -> jax.Array:
    """A matrix of `_wide` in the kernel's own shape."""
    matrix = wide.T if _is_tall(kernel) else wide
    return matrix.reshape(kernel.shape)


def _is_tall(kernel: jax.Array) -> bool:
    rows, columns = folded(kernel).shape
    return rows > columns


def _projection(key: jax.Array, rank: int, length: int, dtype: jnp.dtype) -> jax.Array:
    """P [rank, length], which keeps the length of a vector on average."""
    return jax.random.normal(key, (rank, length), dtype) / rank**0.5


def _growth(a: jax.Array, r: jax.Array, one_scale: bool) -> jax.Array:
    """|a| / |r| of each column [1, N], or of all of them [1, 1]; a and r are [rank, N]."""
    axis = None if one_scale else 0
    length_of_a = jnp.linalg.norm(a, axis=axis, keepdims=True)
    length_of_r = jnp.linalg.norm(r, axis=axis, keepdims=True)
    return length_of_a / (length_of_r + _EPS)


def _limited(u: jax.Array, before: jax.Array, most_growth: float) -> tuple[jax.Array, jax.Array]:
    """`u`, at most `most_growth` times as long as the one `before` it, and its length."""
    length = jnp.linalg.norm(u)
    # nothing bounds the first one, nor the first after a gradient of zeros, as behind a gate that
    # starts closed: the authors' would never grow again
    most = jnp.where(before > 0, most_growth * before, jnp.inf)
    return u * jnp.minimum(1.0, most / (length + _EPS)), jnp.minimum(length, most)


@register_optimizer(paper="arXiv:2412.05270, Zhu et al. 2024", split=matrix_split)
def apollo(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    rank: Period = 32,
    one_scale: bool = False,
    scale: PositiveAmount = 1.0,
    most_growth: PositiveAmount = 1.01,
    refresh_period: Period = 200,
    seed: Seed = 0,
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    """Gradients with Adam's step sizes, which a low-rank projection estimates; Adam for the rest.

    The direction u of the matrices is that of `scale_by_apollo`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors use 0.01, ten times
            Adam's.
        b1, b2, eps, rank, one_scale, most_growth, refresh_period, seed: see `scale_by_apollo`.
        weight_decay: wd, decoupled; mask: which leaves decay.
        scale: a factor of the matrices' directions; the authors' APOLLO-Mini has sqrt(128) with
            rank=1 and one_scale=True.
        adam_scale: the rate of the other leaves, as a multiple of that of the matrices.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.apollo(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_apollo(
        b1,
        b2,
        eps,
        rank=rank,
        one_scale=one_scale,
        most_growth=most_growth,
        refresh_period=refresh_period,
        seed=seed,
    )
    scaled = optax.chain(direction, optax.scale(scale))
    both = for_matrices(scaled, b1, b2, eps, adam_scale)
    return optax.chain(both, step_with_decay(learning_rate, weight_decay, mask, proximal=False))
