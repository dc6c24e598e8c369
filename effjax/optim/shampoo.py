"""Shampoo in blocks, with the size of Adam's steps.

Gupta, Koren, Singer: Shampoo: Preconditioned Stochastic Tensor Optimization, 2018,
https://arxiv.org/abs/1802.09568; Shi et al.: A Distributed Data-Parallel PyTorch Implementation of
the Distributed Shampoo Optimizer, 2023, https://arxiv.org/abs/2309.06497, whose rule this is.

    g, m, v     of a leaf's shape; a kernel [..., O] counts as the matrix [rest, O]
    L_i, R_i    [d_i, d_i] for each axis i of a block: the factor, and its inverse root
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, Rate
from effjax.optim.matrices import folded
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map, zeros
from effjax.optim.registry import register_optimizer

Factors = tuple[jax.Array, ...]  # one an axis of a block
Blocks = tuple[Any, ...]  # one entry for each block of a leaf, row by row


class ShampooState(NamedTuple):
    """State of `scale_by_shampoo`: a counter, m and v, and two matrices an axis of each block."""

    count: jax.Array  # int32 []
    mu: optax.Updates  # m
    nu: optax.Updates  # v
    factors: Any  # L, `Blocks` of `Factors` for each leaf
    roots: Any  # R


def scale_by_shampoo(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-12,
    *,
    graft_eps: float = 1e-8,
    block_size: int = 1024,
    refresh_period: int = 10,
) -> optax.GradientTransformation:
    """Turns gradients g into Shampoo's direction u.

        m <- b1 m + (1 - b1) g,      v <- b2 v + (1 - b2) g^2
        a = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + graft_eps)              Adam's direction
        for each block and axis:
            L_i <- b2 L_i + (1 - b2) g_i g_i^T            g_i: the block as a matrix, axis i first
            every `refresh_period`:  R_i <- (L_i / (1 - b2^t) + eps)^(-1 / (2 axes))
            s = R m / (1 - b1^t)                          R_i on each axis i
            u = |a| / |s| s                               the norms of the block

    Before the first R there is only a. Vectors are blocks of one axis.

    Args:
        b1: keep factor of the momentum; b2: of the factors and of v.
        eps: added to the eigenvalues of the factors, of which the least counts as at least 0.
        graft_eps: Adam's eps.
        block_size: the longest side of a block; the cost of a root grows with its third power.
        refresh_period: updates from one set of roots to the next; the authors take up to 100.
    """

    def init(params: optax.Params) -> ShampooState:
        return ShampooState(
            count=jnp.zeros([], jnp.int32),
            mu=zeros(params),
            nu=zeros(params),
            factors=jax.tree.map(lambda p: _squares(p, block_size, _zero_matrix), params),
            roots=jax.tree.map(lambda p: _squares(p, block_size, _identity_matrix), params),
        )

    def update(
        updates: optax.Updates,
        state: ShampooState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, ShampooState]:
        del params
        t = state.count + 1
        c1 = bias_correction(b1, t)
        c2 = bias_correction(b2, t)
        is_due = t % refresh_period == 0
        has_roots = t >= refresh_period

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, factors: Blocks, roots: Blocks) -> tuple:
            g = g.astype(compute_dtype(g))
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            mean = m / c1.astype(g.dtype)
            adam = mean / (jnp.sqrt(v / c2.astype(g.dtype)) + graft_eps)

            factors = _averaged(factors, _cut(g, block_size)[0], b2)
            corrected = jax.tree.map(lambda f: f / c2.astype(f.dtype), factors)
            roots = jax.lax.cond(is_due, lambda f, r: _roots(f, eps), _kept, corrected, roots)

            u = jnp.where(has_roots, _direction(mean, adam, roots, block_size), adam)
            return u, m, v, factors, roots

        trees = (updates, state.mu, state.nu, state.factors, state.roots)
        u, *rest = unzip_map(leaf, trees, count=5)
        return u, ShampooState(t, *rest)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:1802.09568, Gupta et al. 2018; arXiv:2309.06497, Shi et al. 2023")
def shampoo(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-12,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    graft_eps: Epsilon = 1e-8,
    block_size: Period = 1024,
    refresh_period: Period = 10,
) -> optax.GradientTransformation:
    """Inverse roots of Kronecker factors, in blocks, grafted on Adam.

    The direction u is that of `scale_by_shampoo`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule, as for Adam.
        b1, b2, eps, graft_eps, block_size, refresh_period: see `scale_by_shampoo`.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.shampoo(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> step = jax.jit(tx.update)
        >>> for _ in range(300):
        ...     updates, state = step(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_shampoo(
        b1,
        b2,
        eps,
        graft_eps=graft_eps,
        block_size=block_size,
        refresh_period=refresh_period,
    )
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)


def _cut(x: jax.Array, size: int) -> tuple[list[jax.Array], Any]:
    """The blocks of a leaf row by row, and the structure that `jnp.block` puts together again."""
    # a scalar becomes a vector of one entry
    x = folded(x) if x.ndim > 1 else x.reshape(-1)
    rows = [x[i : i + size] for i in range(0, x.shape[0], size)]
    if x.ndim == 1:
        return jax.tree.flatten(rows)
    columns = range(0, x.shape[1], size)
    table = []
    for row in rows:
        table.append([row[:, j : j + size] for j in columns])
    return jax.tree.flatten(table)


def _squares(p: jax.Array, size: int, make: Callable[[int, Any], jax.Array]) -> Blocks:
    """A matrix [d, d] for each axis of each block of a leaf."""
    blocks, _ = _cut(p, size)
    dtype = compute_dtype(p)
    matrices = []
    for block in blocks:
        matrices.append(tuple(make(length, dtype) for length in block.shape))
    return tuple(matrices)


def _zero_matrix(length: int, dtype: Any) -> jax.Array:
    return jnp.zeros((length, length), dtype)


def _identity_matrix(length: int, dtype: Any) -> jax.Array:
    return jnp.eye(length, dtype=dtype)


def _direction(mean: jax.Array, adam: jax.Array, roots: Blocks, size: int) -> jax.Array:
    """|a| / |s| s of each block, with s = R m / (1 - b1^t)."""
    means, structure = _cut(mean, size)
    others, _ = _cut(adam, size)
    blocks = []
    for m, other, root in zip(means, others, roots, strict=True):
        blocks.append(_grafted(_preconditioned(m, root), other))
    return jnp.block(structure.unflatten(blocks)).reshape(mean.shape)


def _averaged(factors: Blocks, blocks: list[jax.Array], keep: float) -> Blocks:
    """L_i <- b2 L_i + (1 - b2) g_i g_i^T."""
    new = []
    for old, g in zip(factors, blocks, strict=True):
        outer = (jnp.outer(g, g),) if g.ndim == 1 else (g @ g.T, g.T @ g)
        averaged = [keep * f + (1 - keep) * o for f, o in zip(old, outer, strict=True)]
        new.append(tuple(averaged))
    return tuple(new)


def _roots(factors: Blocks, eps: float) -> Blocks:
    """R_i of each axis of each block."""
    new = []
    for matrices in factors:
        power = -1 / (2 * len(matrices))
        new.append(tuple(_power(matrix, power, eps) for matrix in matrices))
    return tuple(new)


def _power(matrix: jax.Array, power: float, eps: float) -> jax.Array:
    values, vectors = jnp.linalg.eigh(matrix)
    # rounding may have made the least of them negative
    values = values - jnp.minimum(values[0], 0) + eps
    return (vectors * values[None] ** power) @ vectors.T


def _kept(factors: Blocks, roots: Blocks) -> Blocks:
    del factors
    return roots


def _preconditioned(m: jax.Array, roots: Factors) -> jax.Array:
    if m.ndim == 1:
        return roots[0] @ m
    left, right = roots
    return left @ m @ right


def _grafted(step: jax.Array, other: jax.Array) -> jax.Array:
    """The step, as long as the other."""
    length = jnp.linalg.norm(step.ravel())
    return step * (jnp.linalg.norm(other.ravel()) / (length + 1e-16))
