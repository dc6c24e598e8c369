"""Which channels of a generator and its critic two agents have kept.

Shapes: N channels of a layer, L layers.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from effjax.costs import Budget
from effjax.errors import UserError

FILE = "channels.json"


class KeptChannels(NamedTuple):
    """The channels of each layer that stay."""

    generator: tuple[tuple[int, ...], ...]
    critic: tuple[tuple[int, ...], ...]


def write_channels(kept: KeptChannels, folder: Path) -> None:
    """FOLDER/channels.json."""
    (folder / FILE).write_text(json.dumps(kept._asdict()) + "\n")


def read_channels(folder: Path) -> KeptChannels:
    """Of a folder in which agents were trained.

    Raises:
      UserError: there are none.
    """
    try:
        found = json.loads((folder / FILE).read_text())
        lists = [tuple(map(tuple, found[name])) for name in KeptChannels._fields]
        return KeptChannels(*lists)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{folder} has no {FILE} that can be read\ntrain agents to their end: "
            "effjax train --config=configs/compress/density_gan_digits.py"
        ) from None


def channels_within(
    logits: Sequence[np.ndarray],
    cost: Callable[[Sequence[int]], Any],
    budget: Budget,
) -> tuple[tuple[int, ...], ...]:
    """[L]: as many channels as a budget allows, those with the largest logits [N].

    All layers share one threshold; each keeps its most open channel.

    Args:
      cost: of a number of channels for each layer.

    Raises:
      UserError: one channel a layer costs more, or all cost less.
    """
    whole = cost([len(layer) for layer in logits])
    limit = budget.relative_to(whole)
    least = cost([1] * len(logits))
    limit.check_reachable(least, whole, "channels", "give another budget, such as 0.5x")
    # costs fall as the threshold rises: the first one that fits is the best one
    for threshold in np.unique(np.concatenate(logits)):
        kept = [np.flatnonzero(layer >= min(threshold, layer.max())) for layer in logits]
        if limit.allows(cost([len(layer) for layer in kept])):
            return tuple(tuple(layer.tolist()) for layer in kept)
    return tuple((int(layer.argmax()),) for layer in logits)
