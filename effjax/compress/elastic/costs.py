"""What sub-networks cost, from shapes alone: a search asks thousands of times.

Parameters are the products of the axes that a point keeps. Multiply-adds are those of each kernel
times the positions of its map, and the two products of attention. Both are the integers that
`effjax.models.cost` counts in the program of the sub-network.
"""

import functools
import math
import re
from collections.abc import Sequence
from typing import Any

from effjax.compress.elastic.kernels import sides_of
from effjax.compress.elastic.space import MLP_RATIO
from effjax.compress.elastic.supernet import Supernet
from effjax.costs import PartsTable
from effjax.search.choices import RESOLUTION
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
        elif unit == "memory":
            reduced = self.same_peak(point)
            if reduced != point:
                self._known[point, unit] = self.of(reduced, unit)
            else:
                super()._count(point, unit)
        else:
            super()._count(point, unit)

    def of_base(self, unit: str) -> float:
        return self.of(self.space.largest, unit)

    def same_peak(self, point: Point) -> Point:
        """A small network with the same peak of activation memory.

        The peak is that of one block or one downsampling, and grows with every width. Windows store
        nothing; of the blocks of a stage the one with the most hidden channels decides; a stage
        that reaches no peak even at its largest need not be wide.
        """
        reduced = list(self.space.smallest)
        for stage in range(len(self.space.base.depths)):
            if stage in self._low_stages:
                continue
            self._take_stage(reduced, point, stage)
        if RESOLUTION in self.space.place:
            number = self.space.place[RESOLUTION]
            reduced[number] = point[number]
        return self.space.canonical(tuple(reduced))

    def _take_stage(
        self,
        reduced: list[int],
        point: Point,
        stage: int,
    ) -> None:
        """Gives `reduced` the width of a stage, and the largest MLP of its blocks."""
        place = self.space.place
        width = f"dims.{stage}"
        if width in place:
            reduced[place[width]] = point[place[width]]
        ratios = []
        for block in range(self.space.depths(point)[stage]):
            path = f"stages_{stage}.blocks_{block}.{MLP_RATIO}"
            if path in place:
                ratios.append(point[place[path]])
        first = f"stages_{stage}.blocks_0.{MLP_RATIO}"
        if first in place:
            reduced[place[first]] = max(ratios)

    @functools.cached_property
    def _low_stages(self) -> set[int]:
        """Stages that never decide on the peak, at the largest resolution and so at all of them."""
        space = self.space
        start = list(space.smallest)
        if RESOLUTION in space.place:
            start[space.place[RESOLUTION]] = space.largest[space.place[RESOLUTION]]
        least = self._peak(start)
        found = set()
        for stage in range(len(space.base.depths)):
            wide = list(start)
            self._take_stage(wide, space.largest, stage)
            if self._peak(wide) == least:
                found.add(stage)
        return found

    def _peak(self, point: Sequence[int]) -> float:
        point = self.space.canonical(tuple(point))
        model = self.space.model(point, self.num_classes, dtype=self.dtype)
        return self._of_model(model, self.shape(point), "memory")["memory"]

    def sizes_of(self, point: Point) -> tuple[int, int]:
        """(parameters, multiply-adds) of a point."""
        net = self.net
        a = self.space.decode(point)
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
            block = _block_of(path)
            is_gone = block is not None and block[1] >= depths[block[0]]
            if is_gone or not path.startswith("params/"):
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


@functools.cache
def _block_of(path: str) -> tuple[int, int] | None:
    """(stage, block) that a parameter lies in."""
    place = re.match(r"params/stages_(\d+)/blocks_(\d+)/", path)
    return None if place is None else (int(place[1]), int(place[2]))


@functools.cache
def _stage_of(path: str) -> int | None:
    """The stage whose map a kernel gives; None of the head."""
    if path.startswith("params/stem/"):
        return 0
    stage = re.match(r"params/stages_(\d+)/", path)
    return int(stage[1]) if stage else None
