"""PSGD with a Kronecker product of triangular matrices: Kron.

Li: Preconditioned Stochastic Gradient Descent, 2015, https://arxiv.org/abs/1512.04202, and Black
Box Lie Group Preconditioners for SGD, 2022, https://arxiv.org/abs/2211.04422. This is the classic
rule (steps on the group of triangular matrices, whitening the momentum), as in the JAX code of
psgd_jax; not the later QEQ rules of psgd_torch.

    g, m, u     of a leaf's shape [d1, d2, ...]
    Q_i         for each axis i: upper triangular [d_i, d_i], or its diagonal [d_i]
    P           the preconditioner: Q_i^T Q_i on each axis i
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.clipping import global_norm
from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, KeepFactor, Rate, Seed, ShareAboveZero, Whole
from effjax.optim.numerics import compute_dtype, zeros
from effjax.optim.registry import register_optimizer

Factors = tuple[jax.Array, ...]  # one Q for each axis

_STEP_SIZE = 0.1  # of the steps of Q
_BALANCE_SHARE = 0.01  # of the updates of Q, in how many the sizes of its parts are made equal


class KronState(NamedTuple):
    """State of `scale_by_kron`: a counter, m, and a Q for each axis."""

    count: jax.Array  # int32 [], earlier updates
    mu: optax.Updates
    factors: Any  # a tuple for each leaf


def annealed_share(count: jax.Array, least: float) -> jax.Array:
    """How often Q is updated: always for 200 updates, then less and less, `least` at the end."""
    return jnp.clip(jnp.exp(-0.001 * (count - 200.0)), least, 1.0)


def scale_by_kron(
    b1: float = 0.9,
    *,
    least_share: float = 0.03,
    largest_axis: int = 8192,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Turns gradients g into Kron's direction u.

        m <- b1 m + (1 - b1) g
        in a share of the updates, with v a random normal array:
            a = Q m,    b = Q^-T v                          on every axis
            Q_i <- Q_i - 0.1 triu(a_i a_i^T - b_i b_i^T) Q_i / |a_i a_i^T + b_i b_i^T|
        u = P m, all leaves together to a root mean square of at most 1, each entry within +-1

    a_i is a as a matrix with axis i first; |.| is a lower bound of the spectral norm. Q starts as
    the identity. A share of 1 % of the updates of Q gives the Q_i of a leaf entries of equal size.

    Args:
        b1: keep factor of the momentum.
        least_share: in which share of the updates Q is updated at the end, see `annealed_share`;
            1 updates it always.
        largest_axis: longer axes have a diagonal Q_i, as all leaves with fewer than two axes.
        seed: of v, and of which updates change Q.
    """

    def init(params: optax.Params) -> KronState:
        factors = jax.tree.map(lambda p: _identities(p, largest_axis), params)
        return KronState(jnp.zeros([], jnp.int32), zeros(params), factors)

    def update(
        updates: optax.Updates,
        state: KronState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, KronState]:
        del params
        t = state.count + 1
        key = jax.random.fold_in(jax.random.key(seed), state.count)
        choice, noise = jax.random.split(key)

        def averaged(g: jax.Array, m: jax.Array) -> jax.Array:
            return b1 * m + (1 - b1) * g.astype(compute_dtype(g))

        mu = jax.tree.map(averaged, updates, state.mu)
        leaves, structure = jax.tree.flatten(mu)
        factors = structure.flatten_up_to(state.factors)
        is_due = jax.random.uniform(choice) < annealed_share(t, least_share)
        factors = jax.lax.cond(is_due, _improved, _kept, noise, leaves, factors)
        u = [_preconditioned(qs, m) for qs, m in zip(factors, leaves, strict=True)]
        u = structure.unflatten(_within_trust(u))
        return u, KronState(t, mu, structure.unflatten(factors))

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2211.04422, Li 2022", coupling="direction")
def kron(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    least_share: ShareAboveZero = 0.03,
    largest_axis: Whole = 8192,
    seed: Seed = 0,
) -> optax.GradientTransformation:
    """PSGD: a learned Kronecker preconditioner that whitens the momentum (classic rule).

    The direction u is that of `scale_by_kron`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; about a third of Adam's.
        b1, least_share, largest_axis, seed: see `scale_by_kron`.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.kron(optax.cosine_decay_schedule(0.05, 300))
        >>> state = tx.init(x)
        >>> step = jax.jit(tx.update)
        >>> for _ in range(300):
        ...     updates, state = step(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_kron(b1, least_share=least_share, largest_axis=largest_axis, seed=seed)
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)


# ---------------------------------------------------------------- the preconditioner


def _identities(p: jax.Array, largest_axis: int) -> Factors:
    dtype = compute_dtype(p)
    if p.ndim == 0:
        return (jnp.ones((1,), dtype),)
    factors = []
    for length in p.shape:
        is_full = p.ndim > 1 and 1 < length <= largest_axis
        identity = jnp.eye(length, dtype=dtype) if is_full else jnp.ones((length,), dtype)
        factors.append(identity)
    return tuple(factors)


def _matrix(x: jax.Array, axis: int) -> jax.Array:
    """x as a matrix [d, rest] with `axis` first."""
    return jnp.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


def _array(matrix: jax.Array, shape: tuple[int, ...], axis: int) -> jax.Array:
    """The array of `shape` of which `_matrix` makes `matrix`."""
    rest = [length for i, length in enumerate(shape) if i != axis]
    return jnp.moveaxis(matrix.reshape(shape[axis], *rest), 0, axis)


def _product(q: jax.Array, x: jax.Array) -> jax.Array:
    """Q x."""
    return q @ x if q.ndim == 2 else q[:, None] * x


def _transposed_product(q: jax.Array, x: jax.Array) -> jax.Array:
    """Q^T x."""
    return q.T @ x if q.ndim == 2 else q[:, None] * x


def _transposed_solution(q: jax.Array, x: jax.Array) -> jax.Array:
    """Q^-T x."""
    if q.ndim == 2:
        return jax.scipy.linalg.solve_triangular(q, x, trans=1)
    return x / q[:, None]


def _on_every_axis(apply: Any, factors: Factors, x: jax.Array) -> jax.Array:
    # a scalar is an array of one axis here
    result = x.reshape(1) if x.ndim == 0 else x
    for axis, q in enumerate(factors):
        result = _array(apply(q, _matrix(result, axis)), result.shape, axis)
    return result.reshape(x.shape) if x.ndim == 0 else result


def _preconditioned(factors: Factors, m: jax.Array) -> jax.Array:
    """P m."""
    half = _on_every_axis(_product, factors, m)
    return _on_every_axis(_transposed_product, factors, half)


def _within_trust(u: list[jax.Array]) -> list[jax.Array]:
    if not u:
        return u
    longest = sum(x.size for x in u) ** 0.5
    # no gradient at all: inf, and so 1
    share = jnp.minimum(longest / global_norm(u), 1)
    return [jnp.clip(x * share.astype(x.dtype), -1.0, 1.0) for x in u]


# ---------------------------------------------------------------- its updates


def _kept(key: jax.Array, leaves: list[jax.Array], factors: list[Factors]) -> list[Factors]:
    del key, leaves
    return factors


def _improved(key: jax.Array, leaves: list[jax.Array], factors: list[Factors]) -> list[Factors]:
    balance, noise = jax.random.split(key)
    is_balanced = jax.random.uniform(balance) < _BALANCE_SHARE
    keys = jax.random.split(noise, len(leaves)) if leaves else []
    new = []
    for leaf_key, m, qs in zip(keys, leaves, factors, strict=True):
        v = jax.random.normal(leaf_key, m.shape, m.dtype)
        qs = _balanced(qs, is_balanced)
        new.append(_fitted(qs, m, v))
    return new


def _balanced(factors: Factors, is_balanced: jax.Array) -> Factors:
    """The same product of factors whose largest entries are equal, if `is_balanced`."""
    sizes = jnp.stack([jnp.max(jnp.abs(q)) for q in factors])
    geometric_mean = jnp.prod(sizes) ** (1 / len(factors))
    shares = geometric_mean / sizes
    shares = jnp.where(is_balanced, shares, 1)
    return tuple(q * share for q, share in zip(factors, shares, strict=True))


def _fitted(factors: Factors, m: jax.Array, v: jax.Array) -> Factors:
    """One step of Q towards what whitens m."""
    a = _on_every_axis(_product, factors, m)
    b = _on_every_axis(_transposed_solution, factors, v)
    if m.ndim == 0:
        # a scalar is an array of one axis here
        a = a.reshape(1)
        b = b.reshape(1)
    new = []
    for axis, q in enumerate(factors):
        step_of = _full_step if q.ndim == 2 else _diagonal_step
        step = step_of(q, _matrix(a, axis), _matrix(b, axis))
        new.append(q - _STEP_SIZE * step)
    return tuple(new)


def _full_step(q: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """triu(a a^T - b b^T) Q / |a a^T + b b^T|, of matrices [d, rest]."""
    aa = a @ a.T
    bb = b @ b.T
    return jnp.triu(aa - bb) @ q / _above_zero(spectral_bound(aa + bb))


def _diagonal_step(q: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """The same of the diagonals alone, whose norm is their largest entry."""
    aa = jnp.sum(a**2, axis=1)
    bb = jnp.sum(b**2, axis=1)
    return (aa - bb) * q / _above_zero(jnp.max(aa + bb))


def spectral_bound(matrix: jax.Array) -> jax.Array:
    """A lower bound of the spectral norm of a symmetric matrix, of one and a half products."""
    largest = jnp.max(jnp.abs(matrix))
    scaled = matrix / _above_zero(largest)
    column = jnp.argmax(jnp.sum(scaled**2, axis=0))
    # one step of power iteration, from the longest column
    x = scaled @ scaled[:, column]
    direction = x / _above_zero(jnp.linalg.norm(x))
    return largest * jnp.linalg.norm(scaled @ direction)


def _above_zero(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 1e-30)
