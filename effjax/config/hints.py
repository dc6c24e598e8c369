"""Which key was meant, where a config has none of the name that was typed."""

from typing import Any

import ml_collections

from effjax.errors import nearest


def unknown_key(path: str, key: str, node: Any, config: ml_collections.ConfigDict) -> str:
    """What to say of a key that is not in the section `node` of the whole `config`."""
    parents = path.split(".")[:-1]
    # nearest first: `optim.name` means a key below `optim`, if there is one
    places = keys_called(key, config)
    inside = [place for place in places if place.startswith(".".join([*parents, ""]))]
    hint = nearest(key, node)
    if inside or places:
        typed = " or ".join(f"--config.{place}" for place in (inside or places)[:2])
        hint = f"did you mean {typed}?"
    return f"--config.{path}: no key {key!r} there; {hint}\nall keys: effjax show --config=F"


# what is typed for a key by those who come from other tools
SYNONYMS = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "bs": "batch_size",
    "epochs": "total_epochs",
    "steps": "total_steps",
}


def keys_called(name: str, config: ml_collections.ConfigDict, path: str = "") -> list[str]:
    """Dotted paths of the leaves of a config that are called so: "data.batch_size"."""
    name = SYNONYMS.get(name, name)
    found = []
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            found += keys_called(name, value, f"{path}{key}.")
        elif key == name:
            found.append(f"{path}{key}")
    return sorted(found, key=lambda place: place.count("."))
