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


def diagnose() -> tuple[list[tuple[str, str]], list[str]]:
    """(name, finding) rows, and problems, each with its remedy."""
    import jax

    from effjax.data.images.region import find_library
    from effjax.ops.onednn import available

    rows = [
        ("effjax", VERSION),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    rows += [(package, version_of(package)) for package in CORE]
    problems = []
    for package, version in rows:
        if version == "missing":
            problems.append(f"{package} is missing: pip install -e . -c constraints.txt")
    devices = jax.devices()
    first = devices[0]  # JAX uses devices of one kind
    rows.append(("devices", f"{len(devices)} x {first.platform}:{first.device_kind}"))
    rows.append(("cpu cores", str(os.cpu_count())))
    # the driver brings nvidia-smi: what is missing then is JAX's plugin
    has_nvidia_driver = shutil.which("nvidia-smi") is not None
    if has_nvidia_driver and first.platform == "cpu":
        problems.append("an NVIDIA GPU is here but JAX does not see it: pip install 'effjax[cuda]'")
    # set before Python starts, or not at all: glibc reads it once
    if MALLOC in os.environ.get("GLIBC_TUNABLES", ""):
        malloc = "tuned"
    else:
        malloc = "as it is (EFFJAX_NO_REEXEC, another system, or a GPU)"
    rows.append(("malloc", malloc))
    onednn = "not tried with this jaxlib"
    if available():
        onednn = "called in long runs"
    rows.append(("oneDNN", onednn))
    rows.append(("program cache", jax.config.jax_compilation_cache_dir or "off"))
    if not os.access(cache_folder(), os.W_OK):
        problems.append(f"{cache_folder()} cannot be written: set EFFJAX_CACHE to another folder")
    for module, (extra, use) in OPTIONAL.items():
        finding = f"absent: {use} (effjax[{extra}])"
        # looked for, not imported: torch takes seconds
        if util.find_spec(module) is not None:
            finding = "present"
        rows.append((module, finding))
    turbojpeg = "absent: decoding only the random crop of a JPEG (effjax[jpeg])"
    if find_library():
        turbojpeg = "present"
    rows.append(("libturbojpeg 3", turbojpeg))
    return rows, problems
