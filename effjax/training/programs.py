"""The compiled training steps, and what to say when memory does not suffice for one."""

import contextlib
import math
import os
import time
from collections.abc import Hashable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxlib.utils import absl_set_min_log_level

from effjax.errors import UserError
from effjax.models import compile_for_cpu
from effjax.ops import ANY, keep_products_only, onednn_calls, traced_for
from effjax.report import Display, format_bytes
from effjax.startup import free_unused_memory
from effjax.training import ahead
from effjax.training.setup import Setup

_PIXELS_OF_A_LONG_RUN = 2**30  # ten minutes or more of small networks on a few cores
_PIXELS_OF_A_LARGE_BATCH = 2**18  # activations of some hundred megabytes


class Programs:
    """One compiled step for each variant of the task, made when it is first asked for.

    Attributes:
      seconds: spent on tracing and compiling so far.
    """

    def __init__(self, setup: Setup, display: Display):
        self._setup = setup
        self._display = display
        self._compiled: dict[Hashable, Any] = {}
        self._lowered: dict[Hashable, jax.stages.Lowered] = {}
        self._begun: dict[Hashable, Future[jax.stages.Compiled]] = {}
        self.seconds = 0.0

    def trace(self, variant: Hashable, state: Any) -> None:
        """Traces a variant for states like this one, which may be abstract; compiles nothing."""
        since = time.monotonic()
        self._lowered[variant] = lower(self._setup, variant, state)
        self.seconds += time.monotonic() - since

    def compile_ahead(self, variant: Hashable) -> None:
        """Begins to compile a variant that was traced; the first call for it waits."""
        self._begun[variant] = ahead.begin(partial(self._compile, self._lowered.pop(variant)))

    def __call__(self, variant: Hashable, state: Any) -> Any:
        """step(state, batch) -> (state, metrics) for states like this one."""
        if variant not in self._compiled:
            self._display.waiting("compiling the training step")
            self._compiled[variant] = self._make(variant, state)
        return self._compiled[variant]

    def _make(self, variant: Hashable, state: Any) -> jax.stages.Compiled:
        if variant in self._begun:
            return self._begun.pop(variant).result()
        if variant not in self._lowered:
            self.trace(variant, state)
        return self._compile(self._lowered.pop(variant))

    def _compile(self, lowered: jax.stages.Lowered) -> jax.stages.Compiled:
        since = time.monotonic()
        compiled = compile_lowered(self._setup, lowered)
        self.seconds += time.monotonic() - since
        return compiled

    @property
    def temporaries(self) -> int | None:
        """Bytes a device of the largest step's activations and other temporaries, if known."""
        sizes = []
        for program in self._compiled.values():
            analysis = program.memory_analysis()
            if analysis is not None:  # some backends do not say
                sizes.append(analysis.temp_size_in_bytes)
        return max(sizes, default=None)


def lower(setup: Setup, variant: Hashable, state: Any) -> jax.stages.Lowered:
    """The training step for a state, or an abstract one, and this host's part of a batch."""

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        return setup.step(state, batch, variant)

    # forms with gradients of their own have no forward derivatives
    forms_of = ANY if setup.task.takes_forward_derivatives else _platform(setup)
    calls, keeping = wants_onednn(setup), wants_less_memory(setup)
    # under pmap a device traces its own part of a batch
    devices = 1 if setup.runner.batch_axis else setup.runner.mesh.size
    with traced_for(forms_of, devices), onednn_calls(calls), keep_products_only(keeping):
        return setup.runner.lower(step, state, setup.source.sent)


@contextlib.contextmanager
def quiet_compiler() -> Iterator[None]:
    """Holds back XLA's banners ("Very slow compile? ..."): the display shows that time passes.

    What goes wrong is raised, not logged.
    """
    # as JAX sets it when it is imported: 0 all, 1 warnings, 2 errors, 3 what ends the process
    usual = int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1"))
    absl_set_min_log_level(3)
    try:
        yield
    finally:
        absl_set_min_log_level(usual)


def compile_step(setup: Setup, variant: Hashable, state: Any) -> jax.stages.Compiled:
    """The training step, compiled; see `lower`."""
    return compile_lowered(setup, lower(setup, variant, state))


def compile_lowered(setup: Setup, lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """A training step that was lowered, compiled."""
    with quiet_compiler():
        on_cpu = _platform(setup) == "cpu"
        compiled = compile_for_cpu(lowered) if on_cpu else lowered.compile()
    free_unused_memory()
    return compiled


def _platform(setup: Setup) -> str:
    return setup.runner.mesh.devices.flat[0].platform


def wants_onednn(setup: Setup) -> bool:
    """Whether the run is long enough that a faster step outweighs compiling at every start."""
    asked = setup.config.parallel.onednn
    if setup.task.takes_forward_derivatives:
        asked = False  # `build` has refused a config that asks for it
    if asked is None:
        asked = _is_long(setup)
    return _platform(setup) == "cpu" and asked


def wants_less_memory(setup: Setup) -> bool:
    """Whether a step's memory, and the time to touch it, outweigh a quarter more of compiling."""
    # measured on CPUs alone; elsewhere a network keeps what JAX keeps by itself
    is_large = _pixels(setup, steps=1) >= _PIXELS_OF_A_LARGE_BATCH
    return _platform(setup) == "cpu" and (is_large or _is_long(setup))


def _is_long(setup: Setup) -> bool:
    return _pixels(setup, setup.clock.total_steps) >= _PIXELS_OF_A_LONG_RUN


def _pixels(setup: Setup, steps: int) -> int:
    config = setup.config
    height, width = np.broadcast_to(config.data.image_size, 2).tolist()
    return steps * config.data.batch_size * height * width


def bytes_a_device(tree: Any) -> int:
    """What one device holds of a tree of arrays, or of abstract ones with shardings."""
    total = 0
    for leaf in jax.tree.leaves(tree):
        own_part = leaf.sharding.shard_shape(leaf.shape)
        total += math.prod(own_part) * leaf.dtype.itemsize
    return total


@contextlib.contextmanager
def memory_explained(setup: Setup, programs: Programs) -> Iterator[None]:
    """Turns XLA's out-of-memory error into a UserError with sizes and remedies."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise UserError(explain_memory(setup, programs.temporaries)) from error


def explain_memory(setup: Setup, temporaries: int | None) -> str:
    """What one device would have to hold, and three ways to need less."""
    state = setup.abstract
    config = setup.config
    sizes = {
        "parameters": bytes_a_device(state.params),
        "optimizer state": bytes_a_device(state.opt_state),
        "activations and other temporaries": temporaries,
    }
    held = []
    for name, size in sizes.items():
        in_words = "unknown" if size is None else format_bytes(size)
        held.append(f"{name} {in_words}")
    words = ", ".join(held)
    remedies = [f"--config.accumulate={2 * config.accumulate}"]
    # a task need not have a model, nor a model an architecture that can recompute
    model = getattr(setup.task, "model", None)
    remat = getattr(getattr(model, "architecture", None), "remat", None)
    if remat is not None and not np.all(remat):
        # a boolean or one for each stage; without spaces, as the shell would part them
        every = str(jax.tree.map(lambda _: True, remat)).replace(" ", "")
        remedies.append(f"'--config.model.remat={every}' (computes activations twice)")
    if setup.runner.fsdp < setup.runner.mesh.size:
        remedies.append(f"--config.parallel.fsdp={setup.runner.mesh.size}")
    if "dtype" in config.model and config.model.dtype == "float32":
        remedies.append("--config.model.dtype=bfloat16")
    # last, as it changes what is learned
    remedies.append(f"--config.data.batch_size={config.data.batch_size // 2}")
    return f"out of memory; a device holds: {words}\ntry {', or '.join(remedies[:3])}"
