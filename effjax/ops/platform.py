"""For which platform a program is traced, where a form must be chosen before it is lowered.

`jax.lax.platform_dependent` chooses when a program is lowered, and serves a single operation. What
changes the shapes between operations is settled earlier, while the program is traced.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import jax

ANY = "any"  # forms that JAX can differentiate in every way

# read while a function is traced, which may be in another thread: a context variable
_platform = contextvars.ContextVar("traced_for", default=None)


@contextlib.contextmanager
def traced_for(platform: str) -> Iterator[None]:
    """Inside, programs are traced for "cpu", "gpu", "tpu" or `ANY`, whatever this machine has."""
    token = _platform.set(platform)
    try:
        yield
    finally:
        _platform.reset(token)


def on_tpu() -> bool:
    """Whether what is traced now is for a TPU: as `traced_for` says, else this machine's own."""
    named = _platform.get()
    return (named or jax.default_backend()) == "tpu"
