"""Which depthwise kernels of an elastic network may be smaller."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from effjax.compress.elastic.space import ElasticSpace
from effjax.models import ImageModel


@dataclasses.dataclass(frozen=True)
class Window:
    """A depthwise kernel that may be smaller.

    Attributes:
      path: of its layer in the network, "stages_0/blocks_0/token_mixer/dwconv".
      choice: the path of its choice.
      sizes: ascending.
    """

    path: str
    choice: str
    sizes: tuple[int, ...]


def elastic_windows(
    model: ImageModel,
    space: ElasticSpace,
    shapes: Mapping[str, Any],
) -> list[Window]:
    """The kernels whose size is a choice of the space.

    Args:
      shapes: {path: shape} of the arrays of the network.
    """
    found = []
    for window in model.windows():
        choice = f"stages_{window.stage}.blocks_{window.block}.{window.field}"
        path = "/".join(window.path)
        if choice not in space.place or f"params/{path}/kernel" not in shapes:
            continue
        options = space.choices[space.place[choice]].options
        rows, columns = shapes[f"params/{path}/kernel"].shape[:2]
        # the square kernel beside the bands keeps its size
        if max(rows, columns) == max(options):
            found.append(Window(path, choice, options))
    return found
