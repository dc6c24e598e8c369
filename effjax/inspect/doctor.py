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
    missing = [package for package, version in rows if version == "missing"]
    problems = [f"{package} is missing: pip install -e . -c constraints.txt" for package in missing]
    kinds = [f"{d.platform}:{d.device_kind}" for d in jax.devices()]
    rows.append(("devices", f"{len(kinds)} x {kinds[0]}"))
    rows.append(("cpu cores", str(os.cpu_count())))
    if shutil.which("nvidia-smi") and kinds[0].startswith("cpu"):
        problems.append("an NVIDIA GPU is here but JAX does not see it: pip install 'effjax[cuda]'")
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    tuned = (
        "tuned" if MALLOC in tunables else "as it is (EFFJAX_NO_REEXEC, another system, or a GPU)"
    )
    rows.append(("malloc", tuned))
    rows.append(("oneDNN", "called in long runs" if available() else "not tried with this jaxlib"))
    rows.append(("program cache", jax.config.jax_compilation_cache_dir or "off"))
    if not os.access(cache_folder(), os.W_OK):
        problems.append(f"{cache_folder()} cannot be written: set EFFJAX_CACHE to another folder")
    for module, (extra, use) in OPTIONAL.items():
        present = util.find_spec(module) is not None
        rows.append((module, "present" if present else f"absent: {use} (effjax[{extra}])"))
    region = "absent: decoding only the random crop of a JPEG (effjax[jpeg])"
    rows.append(("libturbojpeg 3", "present" if find_library() else region))
    return rows, problems
