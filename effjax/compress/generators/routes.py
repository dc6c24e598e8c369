"""What a trained router ends in: smaller networks, and which of them each class has.

Shapes: K experts, C classes, G gates.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np

from effjax.compress.generators.dit_parts import OpenBlock, Parts
from effjax.costs import Budget
from effjax.errors import UserError

FILE = "routes.json"


@dataclasses.dataclass(frozen=True)
class Routes:
    """Experts cut out of a network, each for some classes.

    Attributes:
      teacher: the folder of the run that they come from.
      groups: of hidden channels of each block, see `Parts`.
      classes: [C], the expert of each class.
      experts: [K], the parts that each has.
    """

    teacher: str
    groups: int
    classes: tuple[int, ...]
    experts: tuple[tuple[OpenBlock, ...], ...]

    def shares(self) -> np.ndarray:
        """[K]: the share of the classes that each expert has."""
        counts = np.bincount(self.classes, minlength=len(self.experts))
        return counts / len(self.classes)


def write_routes(routes: Routes, folder: Path) -> None:
    """FOLDER/routes.json."""
    experts = [[block._asdict() for block in expert] for expert in routes.experts]
    text = json.dumps({**dataclasses.asdict(routes), "experts": experts}, indent=1)
    (folder / FILE).write_text(text + "\n")


def read_routes(folder: Path) -> Routes:
    """Of a folder in which a router was trained.

    Raises:
      UserError: there are none.
    """
    try:
        found = json.loads((folder / FILE).read_text())
        experts = []
        for expert in found["experts"]:
            blocks = [
                OpenBlock(block["number"], tuple(block["heads"]), tuple(block["groups"]))
                for block in expert
            ]
            experts.append(tuple(blocks))
        classes = tuple(found["classes"])
        return Routes(found["teacher"], found["groups"], classes, tuple(experts))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{folder} has no {FILE} that can be read\ntrain a router to its end: "
            "effjax train --config=configs/compress/router_digits.py"
        ) from None


def refuse_no_label(labels: np.ndarray, known: int) -> None:
    """Raises UserError where one of the labels [n] is no class: no expert has it."""
    if (labels == known).any():
        raise UserError("experts draw classes; give --classes=0,1 or leave --classes out")


def opened_by(parts: Parts, scores: np.ndarray, threshold: float) -> np.ndarray:
    """[K, G] of 0 and 1: gates with a score [K, G] of at least `threshold`, and what must stay.

    That is the first gate of a layer of which none is open, as in training, and the block that is
    never dropped.
    """
    gates = (scores >= threshold).astype(np.float64)
    start = 0
    for count in parts.structure.layers:
        closed = gates[:, start : start + count].sum(-1) == 0
        gates[closed, start] = 1
        start += count
    gates[:, start + parts.structure.depth_order[0]] = 1
    return gates


def mean_macs(parts: Parts, gates: np.ndarray, classes: np.ndarray) -> float:
    """Multiply-adds of the network of a class, on average: gates [K, G] and codes [C]."""
    return float(parts.open_macs(gates)[classes].mean()) + parts.macs.outside


def within_budget(
    parts: Parts, scores: np.ndarray, classes: np.ndarray, budget: Budget
) -> np.ndarray:
    """[K, G] of 0 and 1: as many gates as a budget allows, those with the highest scores.

    All codes share one threshold. Without a budget it would be 0.

    Args:
      scores: [K, G], see `open_scores`.
      classes: [C], the code of each class.

    Raises:
      UserError: even the gates that must stay cost more, or all gates cost less.
    """
    limit = budget.relative_to(parts.total)
    least = mean_macs(parts, opened_by(parts, scores, np.inf), classes)
    limit.check_reachable(
        least, parts.total, "experts", "give another --config.task.budget, such as 0.7x"
    )
    # costs fall as the threshold rises: the first one that fits is the best one
    for threshold in np.unique(scores):
        gates = opened_by(parts, scores, threshold)
        if limit.allows(mean_macs(parts, gates, classes)):
            return gates
    return opened_by(parts, scores, np.inf)
