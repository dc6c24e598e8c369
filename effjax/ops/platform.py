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
_devices = contextvars.ContextVar("devices of a batch", default=None)


@contextlib.contextmanager
def traced_for(platform: str, devices: int | None = None) -> Iterator[None]:
    """Inside, programs are traced for "cpu", "gpu", "tpu" or `ANY`, whatever this machine has.

    Args:
      devices: over which the batch of the program is divided; None: that is not known.
    """
    tokens = _platform.set(platform), _devices.set(devices)
    try:
        yield
    finally:
        _platform.reset(tokens[0])
        _devices.reset(tokens[1])


def devices_of_a_batch() -> int | None:
    """Over how many devices the batch of what is traced now is divided; None: not known."""
    return _devices.get()


def on_tpu() -> bool:
    """Whether what is traced now is for a TPU: as `traced_for` says, else this machine's own."""
    named = _platform.get()
    return (named or jax.default_backend()) == "tpu"
