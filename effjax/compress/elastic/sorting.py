"""Channels in the order of their importance, so that narrow networks keep the best ones.

Shapes: N channels of a group, P choices of a point.
"""

import numpy as np

from effjax.compress.elastic.axes import Group
from effjax.compress.elastic.supernet import Arrays, Ranks, Supernet
from effjax.compress.elastic.widths import order_of, ranks_of
from effjax.compress.sites import flat
from effjax.contract import Params


def sorted_ranks(
    net: Supernet,
    params: Params,
    ranks: Ranks,
    opened: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """{group: rank of each channel, [N]} by the L1 norm of the weights that read it.

    Args:
      params: of the large network.
      ranks: of before.
      opened: int [P], options counted from the last, whose widths keep their channels; None: none
        does.
    """
    arrays = flat({"params": params})
    found = {}
    for group in net.groups:
        sizes = net.sizes[group.name]
        importance = _importance(net, group, arrays)
        widths = np.zeros((0, len(sizes)), int)
        if opened is not None:
            widths = _open_widths(net, group, opened)
        parts = []
        start = 0
        for part, size in enumerate(sizes):
            # sorted anew is what stands between two widths, in the order of before
            before = np.argsort(ranks[group.name][start : start + size])
            scores = importance[start : start + size][before]
            parts.append(ranks_of(before[order_of(scores, widths[:, part])]))
            start += size
        found[group.name] = np.concatenate(parts)
    return found


def _importance(
    net: Supernet,
    group: Group,
    arrays: Arrays,
) -> np.ndarray:
    """The sum of |w| over all that reads a channel, [N]."""
    total = np.zeros(sum(net.sizes[group.name]))
    for axis in net.axes:
        if axis.group == group.name and axis.reads:
            array = np.abs(np.moveaxis(np.asarray(arrays[axis.path]), axis.axis, 0))
            of_entries = array.reshape(len(array), -1).sum(1)
            total += of_entries.reshape(-1, axis.unit).sum(1)
    return total


def _open_widths(
    net: Supernet,
    group: Group,
    opened: np.ndarray,
) -> np.ndarray:
    """Channels of each part at the options that are open, [n, parts]."""
    table = net.counts[group.name]
    for axis, place in enumerate(net.choices_of(group)):
        count = table.shape[axis]
        last = np.arange(count - opened[place], count)
        table = np.take(table, last, axis)
    return table.reshape(-1, table.shape[-1])
