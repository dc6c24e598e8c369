"""What `config.task` says of an elastic network."""

import dataclasses
from typing import Annotated, Literal

from effjax.compress.elastic.space import Extent
from effjax.errors import UserError
from effjax.ranges import Count, NotNegativeInt, Range
from effjax.tasks.options import ClassificationConfig

Size = Annotated[int, Range(1, 1023)]
Ratio = Annotated[float, Range(0, 256, "(]")]
Part = Annotated[float, Range(0.0, 1.0, "(]")]


@dataclasses.dataclass(frozen=True)
class ElasticConfig(ClassificationConfig):
    """Keys of `config.task`; what the network itself has is an option in any case.

    `image_sizes` are the elastic resolutions; `size_order` has to be "draw" then.
    """

    kernels: tuple[Size, ...] = (3, 5)  # odd sizes of windows
    least_depth: Count | None = 1  # blocks of a stage; None: all
    widths: tuple[Part, ...] = (0.5, 0.75)  # shares of a stage's channels
    mlp_ratios: tuple[Ratio, ...] = (2.0, 3.0)  # hidden channels, as multiples of a block's own
    multiple: Count = 8  # the channels of a stage are one of this
    # "sandwich": the largest, the smallest and some drawn ones at every update (BigNAS);
    # "shrinking": the whole network first, then kind by kind of choices (Once-for-All)
    recipe: Literal["sandwich", "shrinking"] = "sandwich"
    children: NotNegativeInt = 2  # drawn sub-networks of an update
    search_split: str | None = None  # images that sub-networks are compared by; None: those of val
    pairs: Count = 64  # sub-networks that are measured for the predictor of accuracies

    def __post_init__(self) -> None:
        for size in self.kernels:
            if size % 2 == 0:
                raise UserError(f"config.task.kernels: {size} has no middle; give odd sizes")
        if self.image_sizes and self.size_order != "draw":
            raise UserError(
                "config.task.image_sizes of an elastic network are drawn\n"
                "give --config.task.size_order=draw"
            )
        if self.recipe == "shrinking" and self.children == 0:
            raise UserError("config.task.children = 0: shrinking draws one sub-network or more")

    def extent(self) -> Extent:
        """How far the network may shrink.

        Raises:
          UserError: a resolution with two sides.
        """
        for size in self.image_sizes:
            if not isinstance(size, int):
                raise UserError(f"config.task.image_sizes: {size} is no square; give one side")
        return Extent(
            kernels=self.kernels,
            least_depth=self.least_depth,
            widths=self.widths,
            mlp_ratios=self.mlp_ratios,
            resolutions=self.image_sizes,
            multiple=self.multiple,
        )
