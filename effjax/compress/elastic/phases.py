"""Progressive shrinking: which options a step may draw, as kinds of choices open one after another.

    the whole network | windows | one depth less | ... | narrower by one option | ...

Each phase takes an equal share of the run. Windows open at once, as in Once-for-All; depths and
widths open option by option, from the largest down. Resolutions are open from the start.

Shapes: P choices of a point, F phases.
"""

import re
from collections.abc import Sequence

import numpy as np

from effjax.compress.elastic.space import ElasticSpace
from effjax.search.choices import Choice

# in their order; each opens one option a phase, the first one all at once
WINDOWS = re.compile(r".*(kernel_sizes|band_kernels)")
DEPTHS = re.compile(r"depths\..*")
WIDTHS = re.compile(r"(dims\.|.*mlp_ratio).*")


def open_options(space: ElasticSpace) -> np.ndarray:
    """int [F, P]: how many options of each choice are open in each phase, counted from the last."""
    choices = space.choices
    opened = np.ones(len(choices), np.int32)
    for place, choice in enumerate(choices):
        if choice.path == "resolution":
            opened[place] = len(choice.options)
    phases = [opened]
    if any(WINDOWS.fullmatch(choice.path) for choice in choices):
        phases.append(_opened(phases[-1], choices, WINDOWS, None))
    for kind in (DEPTHS, WIDTHS):
        for _ in range(_most(choices, kind) - 1):
            phases.append(_opened(phases[-1], choices, kind, 1))
    return np.stack(phases)


def _most(
    choices: Sequence[Choice],
    kind: re.Pattern,
) -> int:
    """The most options that a choice of this kind has."""
    counts = [len(choice.options) for choice in choices if kind.fullmatch(choice.path)]
    return max(counts, default=1)


def _opened(
    before: np.ndarray,
    choices: Sequence[Choice],
    kind: re.Pattern,
    more: int | None,
) -> np.ndarray:
    """The next phase: `more` options of the choices of a kind; None: all."""
    after = before.copy()
    for place, choice in enumerate(choices):
        if kind.fullmatch(choice.path):
            count = len(choice.options)
            after[place] = count if more is None else min(before[place] + more, count)
    return after


def first_of_widths(
    space: ElasticSpace,
    opened: np.ndarray,
) -> list[int]:
    """The phases in which widths open, so that channels are sorted before each."""
    places = []
    for place, choice in enumerate(space.choices):
        if WIDTHS.fullmatch(choice.path):
            places.append(place)
    found = []
    for phase in range(1, len(opened)):
        if (opened[phase, places] != opened[phase - 1, places]).any():
            found.append(phase)
    return found
