"""The sub-networks of an elastic network, as points that strategies draw and compare.

Each choice has the large network's own value as its last option, so that the last point is the
network itself and the first one the smallest:

    "resolution"                            the side of the images
    "depths.1"                              blocks of a stage, from the front
    "dims.1"                                channels of a stage
    "stages_1.blocks_0.kernel_sizes"        the window of a block ("band_kernels" of InceptionNeXt)
    "stages_1.blocks_0.mlp_ratio"           hidden channels of its MLP, as a multiple of its own
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

from effjax import models
from effjax.compress.elastic.widths import make_divisible
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.architecture import entries, override, sides
from effjax.models.registry import fields_of
from effjax.search.choices import RESOLUTION, Choice
from effjax.search.points import Point, Space

OF_BLOCK = re.compile(r"stages_(\d+)\.blocks_(\d+)\.(\w+)")
MLP_RATIO = "mlp_ratio"


@dataclasses.dataclass(frozen=True)
class Extent:
    """How far a network may shrink; its own values are options too.

    Attributes:
      kernels: sizes of windows.
      least_depth: blocks of a stage.
      widths: shares of a stage's channels.
      mlp_ratios: hidden channels as multiples of a block's own.
      resolutions: sides of images.
      multiple: of which the channels of a stage are one.
    """

    kernels: tuple[int, ...] = ()
    least_depth: int | None = None
    widths: tuple[float, ...] = ()
    mlp_ratios: tuple[float, ...] = ()
    resolutions: tuple[int, ...] = ()
    multiple: int = 8


class ElasticSpace(Space):
    """The sub-networks of `base`.

    Args:
      name: of the registered model.
      base: the large network's architecture.
      extent: how far it may shrink.
      windows: (stage, block, field, largest side) of what has a size.

    Raises:
      UserError: nothing can shrink, or the architecture states hidden channels itself.
    """

    def __init__(
        self,
        name: str,
        base: Any,
        extent: Extent,
        windows: Sequence[tuple[int, int, str, int]],
    ):
        if base.mlp_hidden is not None:
            raise UserError(
                "mlp_hidden is what an elastic network decides\nleave it out, and give mlp ratios"
            )
        self.name = name
        self.base = base
        self.extent = extent
        choices = list(_choices(base, extent, windows))
        if not choices:
            raise UserError(
                "nothing can shrink: every option is as large as the network or larger\n"
                "give config.task.kernels, widths, mlp_ratios or least_depth below its own"
            )
        super().__init__(choices)
        self.place = {choice.path: number for number, choice in enumerate(self.choices)}
        self._block_of = [_block_of(choice.path) for choice in self.choices]
        self.decode = functools.lru_cache(maxsize=100_000)(self._decode)

    @property
    def largest(self) -> Point:
        """The network itself."""
        return tuple(len(choice.options) - 1 for choice in self.choices)

    @property
    def smallest(self) -> Point:
        """Every choice at its first option."""
        return (0,) * len(self.choices)

    def option(
        self,
        point: Point,
        path: str,
        own: Any,
    ) -> Any:
        """What a point has for a choice; `own` where there is none."""
        if path not in self.place:
            return own
        number = self.place[path]
        return self.choices[number].options[point[number]]

    def depths(self, point: Point) -> tuple[int, ...]:
        """The blocks of each stage."""
        return self._of_stages(point, "depths")

    def _of_stages(
        self,
        point: Point,
        field: str,
    ) -> tuple[int, ...]:
        values = []
        for stage, own in enumerate(getattr(self.base, field)):
            values.append(self.option(point, f"{field}.{stage}", own))
        return tuple(values)

    def resolution(self, point: Point) -> int | None:
        """The side of the images, where it is chosen."""
        return self.option(point, RESOLUTION, None)

    def is_idle(self, point: Point) -> tuple[bool, ...]:
        depths = self.depths(point)
        idle = []
        for place in self._block_of:
            idle.append(place is not None and place[1] >= depths[place[0]])
        return tuple(idle)

    def is_valid(self, point: Point) -> bool:
        """Every combination of options is an architecture."""
        return True

    def _decode(self, point: Point) -> Any:
        """The architecture of a point."""
        depths = self.depths(point)
        dims = self._of_stages(point, "dims")
        fields: dict[str, Any] = {"depths": depths, "dims": dims}
        fields["mlp_hidden"] = self._hidden(point, depths, dims)
        for field in block_fields(self.base):
            stages = []
            for stage, depth in enumerate(depths):
                own = entries(self.base, field, stage)[:depth]
                stages.append(self._entries(point, field, stage, own))
            fields[field] = tuple(stages)
        return override(self.base, fields)

    def _entries(
        self,
        point: Point,
        field: str,
        stage: int,
        own: Sequence[Any],
    ) -> tuple:
        """The entries of a field for the blocks of a stage."""
        found = []
        for block, value in enumerate(own):
            path = f"stages_{stage}.blocks_{block}.{field}"
            found.append(self.option(point, path, value))
        return tuple(found)

    def _hidden(
        self,
        point: Point,
        depths: Sequence[int],
        dims: Sequence[int],
    ) -> tuple:
        """Hidden channels of the MLP of each block of each stage."""
        stages = []
        for stage, depth in enumerate(depths):
            own = mlp_ratio(self.base, stage)
            ratios = self._entries(point, MLP_RATIO, stage, (own,) * depth)
            stages.append(tuple(int(ratio * dims[stage]) for ratio in ratios))
        return tuple(stages)

    def model(
        self,
        point: Point,
        num_classes: int = 1000,
        **settings: Any,
    ) -> ImageModel:
        """The network of a point; `settings` as `create_model` takes them."""
        fields = fields_of(self.decode(point))
        return models.create_model(self.name, num_classes, **settings, **fields)

    def spec(self) -> dict[str, Any]:
        """What the space is, as JSON data."""
        choices = [[choice.path, list(choice.options)] for choice in self.choices]
        return {"base": self.name, "elastic": True, "choices": choices}


def _block_of(path: str) -> tuple[int, int] | None:
    """(stage, block) of a choice; None: it is of no block."""
    place = OF_BLOCK.fullmatch(path)
    return None if place is None else (int(place[1]), int(place[2]))


def block_fields(architecture: Any) -> tuple[str, ...]:
    """The fields with an entry for each block."""
    known = ("mixers", "kernel_sizes", "square_kernels", "band_kernels")
    return tuple(field for field in known if hasattr(architecture, field))


def mlp_ratio(
    architecture: Any,
    stage: int,
) -> float:
    """The ratio of a stage's MLPs."""
    if hasattr(architecture, "mlp_ratios"):
        return architecture.mlp_ratios[stage]
    return architecture.mlp_ratio


def _choices(
    base: Any,
    extent: Extent,
    windows: Sequence[tuple[int, int, str, int]],
) -> list[Choice]:
    found = []

    def add(
        path: str,
        smaller: Sequence[Any],
        own: Any,
    ) -> None:
        options = [*sorted({option for option in smaller if option < own}), own]
        if len(options) > 1:
            found.append(Choice(path, tuple(options)))

    if extent.resolutions:
        add(RESOLUTION, extent.resolutions, max(extent.resolutions))
    for stage, depth in enumerate(base.depths):
        add(f"depths.{stage}", range(extent.least_depth or depth, depth), depth)
        width = base.dims[stage]
        narrower = [make_divisible(share * width, extent.multiple) for share in extent.widths]
        add(f"dims.{stage}", narrower, width)
    sizes = {(stage, block): (field, size) for stage, block, field, size in windows}
    for stage, depth in enumerate(base.depths):
        for block in range(depth):
            place = f"stages_{stage}.blocks_{block}"
            if (stage, block) in sizes:
                field, size = sizes[stage, block]
                add(f"{place}.{field}", extent.kernels, size)
            if getattr(base, "channel_mlp", True):
                add(f"{place}.{MLP_RATIO}", extent.mlp_ratios, mlp_ratio(base, stage))
    return found


def windows_of(
    model: ImageModel,
    kernels: Sequence[int],
) -> list[tuple[int, int, str, int]]:
    """(stage, block, field, size) of the windows with a kernel that can shrink.

    Raises:
      UserError: a block whose window has two sides.
    """
    found: dict[tuple[int, int, str], int] = {}
    for window in model.windows():
        entry = entries(model.architecture, window.field, window.stage)[window.block]
        rows, columns = sides(entry)
        if not kernels or min(kernels) >= max(rows, columns):
            continue
        if window.field == "kernel_sizes" and window.path[-1] != "dwconv":
            continue  # pooling has a window, but no kernel
        if rows != columns:
            raise UserError(
                f"{window.field}: an elastic window has one size, got {entry} in stage "
                f"{window.stage}\ngive a number"
            )
        found[window.stage, window.block, window.field] = rows
    return [(*place, size) for place, size in found.items()]
