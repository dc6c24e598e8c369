"""What has to be settled before JAX starts: memory, and a place for compiled programs."""

import gc
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

# Keeping the heap (no mmap, no trim) was tried too: the kernel clears fewer pages, and a step of
# CAFormer gained nothing that the next measurement confirmed.
MALLOC = "glibc.malloc.hugetlb=1"


def tune_malloc() -> None:
    """Starts this process again with huge pages for malloc (Linux, CPU), once.

    XLA allocates its temporaries anew at every step, and page faults took up to a third of it.
    `EFFJAX_NO_REEXEC=1` turns this off; a GLIBC_TUNABLES of the user's is left alone.
    """
    skip = os.environ.get("EFFJAX_NO_REEXEC") or "GLIBC_TUNABLES" in os.environ
    if skip or not sys.platform.startswith("linux") or not sys.executable:
        return
    if os.environ.get("JAX_PLATFORMS", "cpu") != "cpu" or Path("/dev/nvidia0").exists():
        return
    os.environ["GLIBC_TUNABLES"] = MALLOC
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def free_unused_memory() -> None:
    """Gives memory that nothing uses back to the system (glibc; elsewhere does nothing).

    A compiler leaves hundreds of megabytes that malloc would keep for the next one.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    # musl and others have no such function
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def collect_garbage_seldom() -> None:
    """Has Python look for garbage a thirtieth as often: tracing makes many objects that stay.

    That is one twelfth of the processor time from a command to its first update.
    """
    gc.set_threshold(20_000)


def split_cpu() -> None:
    """Makes every core of a CPU a device of its own, before JAX starts.

    Trials that need nothing of one another then fill all cores, however small they are. Does
    nothing where a GPU or TPU does the work, or where the user has said how many devices there are.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    if jax.config.jax_num_cpu_devices < 0:  # not set
        allowed = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if allowed else os.cpu_count() or 1
        jax.config.update("jax_num_cpu_devices", cores)


def compile_lightly(platform: str) -> dict[str, Any]:
    """Compiler options of a program that runs once: on a CPU most of the wait is XLA's optimiser.

    What XLA_FLAGS says stays.
    """
    if platform != "cpu":
        return {}
    import jaxlib

    options = {"xla_backend_optimization_level": 1}
    if jaxlib.__version__.startswith("0.10."):  # others may not know it
        # the older emitters of loops: a quarter less to compile, and the same values
        options["xla_cpu_use_fusion_emitters"] = False
    given = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in options.items() if name not in given}


def cache_folder() -> Path:
    """Where compiled programs are kept: $EFFJAX_CACHE, else effjax/ in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("EFFJAX_CACHE") or Path(base) / "effjax") / "xla"


def use_compilation_cache() -> None:
    """Keeps compiled programs on disk, so that a second start takes seconds.

    A folder of the user's (JAX_COMPILATION_CACHE_DIR) is used instead; EFFJAX_CACHE=off turns ours
    off.
    """
    _replace_damaged_programs()
    if os.environ.get("EFFJAX_CACHE") == "off" or _has_own_cache():
        return
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.5,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        if "jax" in sys.modules:
            sys.modules["jax"].config.update(name, value)
        else:  # JAX reads them when it is imported, which takes longer than to refuse a command
            os.environ[name.upper()] = str(value)
    # XLA cannot serialize a program that calls oneDNN (effjax/ops/onednn), and JAX warns of it
    warnings.filterwarnings("ignore", "Error writing persistent compilation cache .*bad_alloc")


def _has_own_cache() -> bool:
    """Whether the user, or the process that started this one, has chosen a folder."""
    if "jax" in sys.modules:
        return bool(sys.modules["jax"].config.jax_compilation_cache_dir)
    return bool(os.environ.get("JAX_COMPILATION_CACHE_DIR"))


# what JAX warns with when it cannot read a program that it kept
_UNREADABLE = re.compile(r"Error reading persistent compilation cache entry for '([\w.\-]+)'")


def _replace_damaged_programs() -> None:
    """Removes kept programs that JAX cannot read, so that it keeps the ones it compiles instead.

    JAX compiles a damaged program again at every start and never replaces it, because it writes no
    file that is there. The warning is the only public sign of it.
    """
    show = warnings.showwarning
    if show.__name__ == "show_or_remove":
        return  # a second command in this process

    def show_or_remove(message: Warning | str, *where: Any, **more: Any) -> None:
        unreadable = _UNREADABLE.search(str(message))
        if unreadable is None or not remove_programs(unreadable[1]):
            show(message, *where, **more)

    warnings.showwarning = show_or_remove


def remove_programs(name: str) -> int:
    """Removes the kept programs called `name`; returns how many there were."""
    import jax

    folder = jax.config.jax_compilation_cache_dir
    if not folder or "://" in folder:
        return 0
    removed = 0
    for path in Path(folder).glob(f"{name}-*-cache"):
        try:
            path.unlink()
        except OSError:
            continue
        removed += 1
    return removed
