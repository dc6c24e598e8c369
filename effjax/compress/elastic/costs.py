"""What sub-networks cost, from shapes alone: a search asks thousands of times.

Parameters are the products of the axes that a point keeps. Multiply-adds are those of each kernel
times the positions of its map, and the two products of attention. Both are the integers that
`effjax.models.cost` counts in the program of the sub-network.
"""

import math
import re
from typing import Any

from effjax.compress.elastic.kernels import sides_of
from effjax.compress.elastic.space import ElasticSpace
from effjax.compress.elastic.supernet import Supernet
from effjax.costs import PartsTable
from effjax.search.costing import PointCosts
from effjax.search.points import Point

Shape = tuple[int, int, int]


def map_sides(
    architecture: Any,
    side: int,
) -> list[int]:
    """The side of the map of each stage, for images of `side`."""
    found = []
    for kernel, stride, pad in zip(
        architecture.patch_kernels, architecture.patch_strides, architecture.patch_pads
    ):
        side = (side + 2 * pad - kernel) // stride + 1
        found.append(side)
    return found


class ElasticCosts(PointCosts):
    """The costs of the points of an elastic space.

    Args:
      net: the elastic network.
      num_classes: of the classifier.
      table: of latencies; None: latency cannot be asked for.
    """

    def __init__(
        self,
        net: Supernet,
        num_classes: int,
        table: PartsTable | None = None,
    ):
        super().__init__(net.space, net.image_shape, num_classes, table)
        self.net = net

    def _count(
        self,
        point: Point,
        unit: str,
    ) -> None:
        if unit in ("params", "macs"):
            found = self.sizes_of(point)
            self._known[point, "params"], self._known[point, "macs"] = found
            return
        super()._count(point, unit)

    def of_base(self, unit: str) -> float:
        return self.of(self.space.largest, unit)

    def sizes_of(self, point: Point) -> tuple[int, int]:
        """(parameters, multiply-adds) of a point."""
        net, a = self.net, self.space.decode(point)
        channels = {group.name: group.sizes(a) for group in net.groups if self._is_there(group, a)}
        params = macs = 0
        positions = self._positions(point)
        for path, shape in self._shapes(point, channels).items():
            size = math.prod(shape)
            params += size
            if path.endswith("/kernel"):
                macs += size * positions[_stage_of(path)]
            if path.endswith("/qkv/kernel"):
                # queries times keys, and weights times values
                macs += 2 * positions[_stage_of(path)] ** 2 * shape[-1] // 3
        return params, macs

    def _is_there(
        self,
        group: Any,
        architecture: Any,
    ) -> bool:
        """Whether the group's block is."""
        place = re.match(r"stages_(\d+)\.blocks_(\d+)", group.name)
        return place is None or int(place[2]) < architecture.depths[int(place[1])]

    def _positions(self, point: Point) -> dict[int | None, int]:
        """{stage: positions of its map}; None stands for the head."""
        height, width, _ = self.shape(point)
        rows = map_sides(self.space.base, height)
        columns = map_sides(self.space.base, width)
        found: dict[int | None, int] = {None: 1}
        for stage, (high, wide) in enumerate(zip(rows, columns)):
            found[stage] = high * wide
        return found

    def _shapes(
        self,
        point: Point,
        channels: dict[str, tuple[int, ...]],
    ) -> dict[str, list[int]]:
        """{path: shape} of the parameters of a point."""
        net = self.net
        depths = self.space.depths(point)
        sizes = {window.path: window for window in net.windows}
        found = {}
        for path, leaf in net.shapes.items():
            block = re.match(r"params/stages_(\d+)/blocks_(\d+)/", path)
            if not path.startswith("params/") or (block and int(block[2]) >= depths[int(block[1])]):
                continue
            shape = list(leaf.shape)
            for axis in net.axes_of_path.get(path, ()):
                kept = channels[axis.group]
                count = sum(kept) if axis.part is None else kept[axis.part]
                shape[axis.axis] = count * axis.unit * axis.repeats
            window = sizes.get(path.removeprefix("params/").removesuffix("/kernel"))
            if window is not None and path.endswith("/kernel"):
                size = self.space.option(point, window.choice, max(window.sizes))
                shape[:2] = sides_of(size, tuple(leaf.shape[:2]))
            found[path] = shape
        return found


def _stage_of(path: str) -> int | None:
    """The stage whose map a kernel gives; None of the head."""
    if path.startswith("params/stem/"):
        return 0
    stage = re.match(r"params/stages_(\d+)/", path)
    return int(stage[1]) if stage else None


def memory_key(
    space: ElasticSpace,
    point: Point,
) -> tuple:
    """The same for points whose peak of activation memory is the same.

    The peak is that of one block or one downsampling. Blocks of a stage have maps of one shape, so
    that the one with the most hidden channels decides; windows store nothing.
    """
    a = space.decode(point)
    hidden = tuple(max(of_blocks) for of_blocks in a.mlp_hidden)
    return (a.dims, hidden, space.resolution(point))
