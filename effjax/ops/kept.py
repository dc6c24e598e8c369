"""Marks what is too expensive to compute again for the backward pass."""

import contextlib
import contextvars
from collections.abc import Iterator

import jax
from jax import Array
from jax.ad_checkpoint import checkpoint_name

_KEPT = "kept"
save_only_kept = jax.checkpoint_policies.save_only_these_names(_KEPT)

# Read while a function is traced. Several threads may trace at once, each with its own value.
_wanted = contextvars.ContextVar("keep_products_only", default=False)


@contextlib.contextmanager
def keep_products_only(wanted: bool = True) -> Iterator[None]:
    """Gradients traced inside keep only what is marked by `kept`; the values are the same."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def keeps_products_only() -> bool:
    """Whether this is traced inside `keep_products_only`."""
    return _wanted.get()


def kept(x: Array) -> Array:
    """`x`, marked as too expensive to compute again."""
    # without the context no marker: programs that are exported or counted stay plain
    return checkpoint_name(x, _KEPT) if _wanted.get() else x
