"""`effjax doctor`: what is installed, what the program would run on, and what is missing."""

import os
import platform
import shutil
from importlib import metadata, util

from effjax.startup import MALLOC, cache_folder
from effjax.version import VERSION

CORE = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tensorflow-datasets",
    "grain",
    "array_record",
    "ml_collections",
    "numpy",
    "simplejpeg",
    "opencv-python-headless",
    "pillow",
    "scikit-learn",
    "rich",
    "matplotlib",
    "tensorboardX",
    "safetensors",
)
# module -> (extra that brings it, what it is for)
OPTIONAL = {
    "wandb": ("wandb", "log.wandb"),
    "huggingface_hub": ("hub", "published weights by name"),
    "torch": ("torch", "reading .pth files"),
    "ray": ("sweep", "sweeps over several machines"),
    "gcsfs": ("gcs", "workdirs on gs://"),
}


def version_of(package: str) -> str:
    """A package's version, or "missing"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


Rows = list[tuple[str, str]]  # (name, finding)


def diagnose() -> tuple[Rows, list[str]]:
    """(name, finding) rows, and problems, each with its remedy."""
    rows: Rows = []
    problems: list[str] = []
    for look in (_packages, _devices, _settings, _extras):
        found, missing = look()
        rows += found
        problems += missing
    return rows, problems


def _packages() -> tuple[Rows, list[str]]:
    rows = [
        ("effjax", VERSION),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    problems = []
    for package in CORE:
        version = version_of(package)
        rows.append((package, version))
        if version == "missing":
            problems.append(f"{package} is missing: pip install -e . -c constraints.txt")
    return rows, problems


def _devices() -> tuple[Rows, list[str]]:
    import jax

    devices = jax.devices()
    first = devices[0]  # JAX uses devices of one kind
    rows = [
        ("devices", f"{len(devices)} x {first.platform}:{first.device_kind}"),
        ("cpu cores", str(os.cpu_count())),
    ]
    problems = []
    # the driver brings nvidia-smi: what is missing then is JAX's plugin
    has_nvidia_driver = shutil.which("nvidia-smi") is not None
    if has_nvidia_driver and first.platform == "cpu":
        problems.append("an NVIDIA GPU is here but JAX does not see it: pip install 'effjax[cuda]'")
    return rows, problems


def _settings() -> tuple[Rows, list[str]]:
    """What is settled when the process starts."""
    import jax

    from effjax.ops.onednn import available

    # set before Python starts, or not at all: glibc reads it once
    is_tuned = MALLOC in os.environ.get("GLIBC_TUNABLES", "")
    as_it_is = "as it is (EFFJAX_NO_REEXEC, another system, or a GPU)"
    rows = [
        ("malloc", "tuned" if is_tuned else as_it_is),
        ("oneDNN", "called in long runs" if available() else "not tried with this jaxlib"),
        ("program cache", jax.config.jax_compilation_cache_dir or "off"),
    ]
    problems = []
    if not os.access(cache_folder(), os.W_OK):
        problems.append(f"{cache_folder()} cannot be written: set EFFJAX_CACHE to another folder")
    return rows, problems


def _extras() -> tuple[Rows, list[str]]:
    """What may be missing: each is for one thing."""
    from effjax.data.images.region import find_library

    rows = []
    for module, (extra, use) in OPTIONAL.items():
        # looked for, not imported: torch takes seconds
        is_here = util.find_spec(module) is not None
        rows.append((module, "present" if is_here else f"absent: {use} (effjax[{extra}])"))
    absent = "absent: decoding only the random crop of a JPEG (effjax[jpeg])"
    rows.append(("libturbojpeg 3", "present" if find_library() else absent))
    return rows, []
