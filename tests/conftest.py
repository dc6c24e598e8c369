"""Strict test modes: eight fake CPU devices, no implicit rank promotion, warnings are errors.

Programs that several tests need are compiled once a session, in a cache folder of its own.
"""

import atexit
import gc
import os
import shutil
import tempfile
from importlib.metadata import version

# Compiling is most of the time, so XLA takes little care here; the older emitters of loops need
# half the time of those for fusions. `make test-all` sets XLA_FLAGS itself: there the programs are
# those that users run.
FLAGS = [
    "--xla_force_host_platform_device_count=8",
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
]
if version("jaxlib").startswith("0.10."):  # a process dies of a flag that its XLA does not know
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# a program need not say which line of Python each of its operations is from
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
os.environ.setdefault("EFFJAX_NO_REEXEC", "1")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    compiled = tempfile.mkdtemp(prefix="effjax-tests-")
    atexit.register(shutil.rmtree, compiled, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_finish():
    """Lets the garbage collector pass over what lives to the end: modules and tests."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # tracing makes many objects, and little garbage
