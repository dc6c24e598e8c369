"""Searching an architecture: one space, one budget, every strategy a small file.

`kernel_sizes` is a strategy of its own kind: it learns the size of each window while it trains.
"""

from typing import Any

from effjax.moved import old_names

_moved = old_names(__name__)
# public name -> module; loaded at first use, so that `import effjax.search` is quick
_PUBLIC = {
    "ArchSpace": "space",
    "Budget": "options",
    "Choice": "choices",
    "Chosen": "registry",
    "ENCODINGS": "registry",
    "Problem": "problem",
    "STRATEGIES": "registry",
    "Search": "options",
    "Space": "points",
    "run": "verb",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    return _moved(name)
