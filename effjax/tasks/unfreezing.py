"""Which parameters are frozen, for the whole run or until a step: `task.frozen`, `task.unfreeze_*`.

Gradual unfreezing is that of ULMFiT (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146): the
classifier learns first, then the layers below it, a part at a time. Each part is a group with an
optimizer of its own, see `effjax.training.parts`.
"""

import bisect
import dataclasses
import re
from collections.abc import Callable, Sequence, Set
from typing import Any

import jax

from effjax.config import Clock
from effjax.contract import Params
from effjax.errors import UserError
from effjax.optim import parameter_paths
from effjax.training.parts import part_label

BACKBONE = "backbone"
GROUP = "default"  # of the network's parameters
Rules = tuple[tuple[str, float], ...]  # (regex over paths, or "backbone"; when they begin)


@dataclasses.dataclass(frozen=True)
class Unfreezing:
    """What begins to learn at which step.

    Attributes:
      rules: (regex, step); the first that matches a path decides, others learn from the start.
    """

    rules: tuple[tuple[str, int], ...] = ()

    @property
    def starts(self) -> list[int]:
        """The steps at which a part begins, rising; part k at `starts[k - 1]`."""
        return sorted({step for _, step in self.rules if step > 0})

    def phase(self, step: int) -> int:
        """How many parts have begun before update `step + 1`."""
        return bisect.bisect_right(self.starts, step)

    def waiting(self, phase: int) -> frozenset[str]:
        """Labels of the parts that have not begun."""
        later = range(phase + 1, len(self.starts) + 1)
        return frozenset(part_label(GROUP, number) for number in later)

    def part_of(self, step: int) -> int:
        """The number of the part that begins at a step."""
        return bisect.bisect_left(self.starts, step) + 1 if step > 0 else 0


def read_unfreezing(options: Any, clock: Clock, total: int | None) -> Unfreezing:
    """What `task.unfreeze_steps` or `task.unfreeze_epochs` say.

    Args:
      options: the keys of the task.
      clock: turns epochs into steps.
      total: steps of the run, where that is known.

    Raises:
      UserError: a part would never begin.
    """
    rules = []
    for unit in ("steps", "epochs"):  # of which one at most is set
        for pattern, when in getattr(options, f"unfreeze_{unit}") or ():
            step = clock.in_steps(when, unit)
            if total is not None and step >= total:
                raise UserError(
                    f"config.task.unfreeze_{unit}: {pattern!r} would begin at step {step} of a run "
                    f"of {total}\nlet it begin earlier, or freeze it: --config.task.frozen"
                )
            rules.append((pattern, step))
    return Unfreezing(tuple(rules))


def parameter_labels(
    params: Params,
    frozen: str | None,
    unfreezing: Unfreezing,
    backbone: Callable[[], Set[str]],
) -> Any:
    """A tree of labels like `params`: "frozen", the group, or a part of it.

    Args:
      frozen: `config.task.frozen`.
      backbone: gives the paths of all but the classifier.

    Raises:
      UserError: no regular expression, one that matches nothing, or nothing that learns at first.
    """
    paths = parameter_paths(params)
    parts = dict.fromkeys(paths, 0)
    decided: set[str] = set()
    for pattern, step in unfreezing.rules:
        matched = _matching("unfreeze", pattern, paths, backbone) - decided
        if not matched:
            raise UserError(
                f"config.task.unfreeze: {pattern!r} decides for no parameter; the first rule that "
                "matches a path counts"
            )
        parts |= dict.fromkeys(matched, unfreezing.part_of(step))
        decided |= matched
    labels = {path: part_label(GROUP, part) for path, part in parts.items()}
    if frozen is not None:
        held = _matching("frozen", frozen, paths, backbone)
        labels |= dict.fromkeys(held, "frozen")
        _check_some(frozen, len(held), len(paths))
    if GROUP not in labels.values():
        raise UserError(
            "config.task.unfreeze: nothing learns at the start of the run\n"
            "leave the classifier out of the rules"
        )
    return jax.tree.structure(params).unflatten([labels[path] for path in paths])


def _check_some(pattern: str, held: int, total: int) -> None:
    if 0 < held < total:
        return
    raise UserError(
        f"config.task.frozen = {pattern!r} freezes {'all' if held else 'none'} of the parameters; "
        "give a regular expression over their paths, or 'backbone'"
    )


def _matching(
    key: str, pattern: str, paths: Sequence[str], backbone: Callable[[], Set[str]]
) -> Set[str]:
    if pattern == BACKBONE:
        return backbone()
    try:
        return {path for path in paths if re.search(pattern, path)}
    except re.error as error:
        raise UserError(
            f"config.task.{key} = {pattern!r} is not a regular expression: {error}"
        ) from error
