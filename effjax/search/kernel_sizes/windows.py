"""Which windows of a network may have another size, and where its architecture holds them."""

import dataclasses
from typing import Any, Literal

from effjax.models import ImageModel
from effjax.models.architecture import per_block
from effjax.models.families.convnext import ConvNeXt
from effjax.models.families.inception_next import InceptionNeXt
from effjax.models.families.metaformer import MetaFormer

Size = int | tuple[int, int]
# mixers of a MetaFormer -> the module inside of them that has the window
MIXER_WINDOWS = {"pooling": (), "separable_conv": ("dwconv",)}


@dataclasses.dataclass(frozen=True)
class Window:
    """A module with a window, whose size is `architecture.<field>[stage][block]`.

    Attributes:
      path: of the module, such as ("stages_0", "blocks_1", "token_mixer", "dwconv").
      field: of the architecture, such as "kernel_sizes".
      stage, block: which entry of the field.
      side: which side of an entry (height, width) the module uses; bands use one.
    """

    path: tuple[str, ...]
    field: str
    stage: int
    block: int
    side: Literal["both", "high", "wide"] = "both"


def windows_of(model: ImageModel) -> list[Window]:
    """The windows of a network whose size a search may change."""
    windows = []
    for stage, depth in enumerate(getattr(model.architecture, "depths", ())):
        for block in range(depth):
            windows += _windows_of_block(model, stage, block)
    return windows


def _windows_of_block(model: ImageModel, stage: int, block: int) -> list[Window]:
    path = (f"stages_{stage}", f"blocks_{block}")
    if isinstance(model, ConvNeXt):
        return [Window((*path, "conv_dw"), "kernel_sizes", stage, block)]
    mixer = (*path, "token_mixer")
    if isinstance(model, InceptionNeXt):
        return [
            Window((*mixer, "dwconv_hw"), "square_kernels", stage, block),
            Window((*mixer, "dwconv_w"), "band_kernels", stage, block, side="wide"),
            Window((*mixer, "dwconv_h"), "band_kernels", stage, block, side="high"),
        ]
    if isinstance(model, MetaFormer):
        a = model.architecture
        inside = MIXER_WINDOWS.get(per_block(a.mixers[stage], a.depths[stage], "mixers")[block])
        if inside is not None:
            return [Window((*mixer, *inside), "kernel_sizes", stage, block)]
    return []


def entry_of_block(architecture: Any, window: Window) -> Size:
    """The size of a window in an architecture."""
    entries = getattr(architecture, window.field)
    depth = architecture.depths[window.stage]
    return per_block(entries[window.stage], depth, window.field)[window.block]


def set_per_block(architecture: Any, window: Window, size: Size) -> Any:
    """`architecture` with another size of a window; its field then has one size for each block."""
    stages = []
    entries = getattr(architecture, window.field)
    for stage, depth in enumerate(architecture.depths):
        blocks = list(per_block(entries[stage], depth, window.field))
        if stage == window.stage:
            blocks[window.block] = size
        stages.append(tuple(blocks))
    return dataclasses.replace(architecture, **{window.field: tuple(stages)})
