"""AdamW whose moments are stored in 8 bits a number.

Dettmers, Lewis, Shleifer, Zettlemoyer: 8-bit optimizers via block-wise quantization, 2021,
https://arxiv.org/abs/2110.02861.

Shapes: N numbers of a leaf, K blocks, S numbers of a block.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, Rate, Whole
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map
from effjax.optim.registry import register_optimizer

EXPONENTS = 7  # powers of ten that the codes span


class Stored(NamedTuple):
    """Numbers as codes, block by block; of a small leaf the numbers themselves in `codes`.

    Attributes:
      codes: uint8 [K, S], rows of the table `code_values`; or the numbers, in the leaf's shape.
      largest: [K], the largest size of a number in each block; of a small leaf [0].
    """

    codes: jax.Array
    largest: jax.Array


class Adam8BitState(NamedTuple):
    """State of `scale_by_adam_8bit`: two `Stored` for each parameter."""

    count: jax.Array
    mu: optax.Updates
    nu: optax.Updates


@functools.cache
def code_values(signed: bool) -> np.ndarray:
    """[256]: what the codes stand for, from small to large, at most 1 in size.

    A code has a sign, an exponent in unary (so many powers of ten below 1), and the bits that are
    left for the fraction: numbers near the largest are stored finely, small ones with a small
    error of their own. Without a sign its bit serves the fraction.
    """
    values = [0.0, 1.0]
    for exponent in range(EXPONENTS):
        count = 2**exponent if signed else 2 ** (exponent + 1)
        edges = np.linspace(0.1, 1.0, count + 1)
        middles = 10.0 ** (exponent - EXPONENTS + 1) * (edges[:-1] + edges[1:]) / 2
        values += middles.tolist()
        if signed:
            values += (-middles).tolist()
    return np.sort(np.asarray(values, np.float32))


def stored(x: jax.Array, block: int, signed: bool) -> Stored:
    """Any array, as the nearest codes of each block of so many of its numbers."""
    flat = x.reshape(-1)
    flat = jnp.pad(flat, (0, -flat.size % block))
    blocks = flat.reshape(-1, block)  # [K, S]
    largest = jnp.abs(blocks).max(1)
    # a block of zeros has no scale: all its codes are that of 0
    shares = blocks / jnp.where(largest > 0, largest, 1.0)[:, None]
    values = code_values(signed)
    between = jnp.asarray((values[1:] + values[:-1]) / 2)
    codes = jnp.searchsorted(between, shares.astype(jnp.float32)).astype(jnp.uint8)
    return Stored(codes, largest)


def loaded(s: Stored, shape: tuple[int, ...], signed: bool) -> jax.Array:
    """The numbers of an array of this shape."""
    values = jnp.asarray(code_values(signed))[s.codes].astype(s.largest.dtype)
    flat = (values * s.largest[:, None]).reshape(-1)
    size = int(np.prod(shape))
    return flat[:size].reshape(shape)


def scale_by_adam_8bit(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    block: int = 256,
    smallest: int = 4096,
) -> optax.GradientTransformation:
    """Adam's direction; its moments are codes between the updates.

        m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2
        u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
        m, v are stored as codes

    Args:
        b1, b2, eps: as in Adam.
        block: numbers that share a scale.
        smallest: leaves with fewer numbers keep their moments as they are.
    """

    def is_kept(p: jax.Array) -> bool:
        return p.size < smallest

    def put(x: jax.Array, kept: bool, signed: bool) -> Stored:
        return Stored(x, jnp.zeros(0, x.dtype)) if kept else stored(x, block, signed)

    def taken(s: Stored, shape: tuple[int, ...], kept: bool, signed: bool) -> jax.Array:
        return s.codes if kept else loaded(s, shape, signed)

    def init(params: optax.Params) -> Adam8BitState:
        def zeros(signed: bool) -> optax.Updates:
            def leaf(p: jax.Array) -> Stored:
                return put(jnp.zeros(p.shape, compute_dtype(p)), is_kept(p), signed)

            return jax.tree.map(leaf, params)

        return Adam8BitState(jnp.zeros((), jnp.int32), zeros(True), zeros(False))

    def update(
        updates: optax.Updates,
        state: Adam8BitState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, Adam8BitState]:
        del params
        t = state.count + 1

        def leaf(g: jax.Array, mu: Stored, nu: Stored) -> tuple:
            kept = is_kept(g)
            g = g.astype(compute_dtype(g))
            m = b1 * taken(mu, g.shape, kept, True) + (1 - b1) * g
            v = b2 * taken(nu, g.shape, kept, False) + (1 - b2) * g**2
            root = jnp.sqrt(v / bias_correction(b2, t)) + eps
            u = m / bias_correction(b1, t) / root
            return u, put(m, kept, True), put(v, kept, False)

        u, mu, nu = unzip_map(leaf, (updates, state.mu, state.nu), count=3)
        return u, Adam8BitState(t, mu, nu)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2110.02861, Dettmers et al. 2021")
def adamw_8bit(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    block: Period = 256,
    smallest: Whole = 4096,
) -> optax.GradientTransformation:
    """AdamW with moments of one byte a number, for memory.

    The direction u is that of `scale_by_adam_8bit`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule.
        b1, b2, eps, block, smallest: see `scale_by_adam_8bit`.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - jnp.linspace(-1.0, 1.0, 512)) ** 2)
        >>> x = jnp.zeros(512)
        >>> tx = effjax.optim.adamw_8bit(optax.cosine_decay_schedule(0.05, 200), smallest=0)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_adam_8bit(b1, b2, eps, block=block, smallest=smallest)
    return optax.chain(
        direction, step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    )
