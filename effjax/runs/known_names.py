"""Unknown names of models, optimizers and schedules are refused before JAX is imported.

The registries that know the names take seconds to import. What they know is kept in the user's
cache folder, for as long as the files that they are made from are the same.
"""

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from effjax import plugins
from effjax.errors import UserError, nearest
from effjax.runs.atomic import write_atomically
from effjax.startup import cache_folder

Names = dict[str, list[str]]  # {"model", "optimizer" or "schedule": names}
PACKAGE = Path(__file__).parents[1]
ROOMS = ("models", "optim")  # in which entries register themselves
KEPT = "names.json"


def check_names(config: Any) -> None:
    """Refuses a model, an optimizer or a schedule that there is not.

    A name that user code registers, or that a run's record knows, is left to the registries.

    Args:
      config: of a run, with all its keys.

    Raises:
      UserError: naming it, and the nearest.
    """
    if "effjax.models" in sys.modules or "effjax.optim" in sys.modules:
        return  # a config file has imported them: it may register names, which they know best
    known = known_names()
    # in the words of the registries, which say it where they are imported already
    model = _architecture(config.model.name)
    if _is_unknown("model", model, known):
        hint = nearest(model, known["model"])
        listed = "`effjax models` lists the models that there are"
        raise UserError(f"unknown model {model!r}: {hint}\n{listed}")
    for group, section in config.optim.items():
        name = section.name
        if _is_unknown("optimizer", name, known):
            hint = nearest(name, known["optimizer"])
            raise UserError(f"config.optim.{group}: unknown optimizer {name!r}: {hint}")
    name = config.schedule.name
    if _is_unknown("schedule", name, known):
        hint = nearest(name, known["schedule"])
        own = "your own: --config.schedule.name=package.module:function"
        raise UserError(f"config.schedule: unknown schedule {name!r}; {hint}\n{own}")


def known_names() -> Names:
    """The names that effjax itself registers; kept on disk."""
    stamp = _stamp()
    place = _place()
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(place.read_text())
        if kept["stamp"] == stamp:
            return kept["names"]
    names = registered_names()
    # a folder that cannot be written to: they are looked up again next time
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps({"stamp": stamp, "names": names}))
    return names


def registered_names() -> Names:
    """The same from the registries, which takes seconds."""
    from effjax import models, optim

    found = {
        "model": models.list_models(kind=None),
        "optimizer": list(optim.list_optimizers()),
        "schedule": list(optim.list_schedules()),
    }
    names = {}
    for kind, entries in found.items():
        names[kind] = [name for name in entries if not plugins.is_known(kind, name)]
    return names


def _is_unknown(kind: str, name: str, known: Names) -> bool:
    is_elsewhere = plugins.is_plugin(name) or plugins.is_known(kind, name)
    # "runs/x", or a folder beside, may be that of a run
    is_path = kind == "model" and ("/" in name or Path(name).exists())
    return name not in known[kind] and not is_elsewhere and not is_path


def _architecture(name: str) -> str:
    """ "caformer_s18.sail_in1k" -> "caformer_s18"; a path as it is."""
    if "/" in name or plugins.is_plugin(name):
        return name
    return name.partition(".")[0].partition(":")[0]


def _place() -> Path:
    if os.environ.get("EFFJAX_CACHE") == "off":
        return Path(os.devnull) / KEPT  # a file is no folder: nothing is found or written
    return cache_folder().parent / KEPT


def _stamp() -> str:
    """Changes with the files that register names."""
    digest = hashlib.blake2b(digest_size=8)
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
