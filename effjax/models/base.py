"""What every image model offers, whatever its family.

Shapes: B batch, H W space, C channels, K classes.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Window, sides
from effjax.models.blocks.arguments import Examples
from effjax.models.layout import Layout
from effjax.models.network import Network

Features = dict[str, Array]
Outputs = tuple[Array, Features]  # logits [B, K], and the maps by name
# (path inside of a block, field of the architecture, side), see `Window`
BlockWindows = Sequence[tuple[str, str, str]]


class ImageModel(Network):
    """Images [B, H, W, C] -> logits [B, K] and the intermediate maps, for one `architecture`.

    A family defines `forward(images, examples) -> (logits, features)` and states its `layout`.
    """

    layout: ClassVar[Layout | None] = None

    def __call__(self, images: Array, train: bool = False, examples: Examples = None) -> Array:
        """Logits [B, K], float32.

        In training, `examples` int32 [B] are the indices of the images in the global batch
        (default 0, 1, ..., B - 1): random draws depend on them and on `rngs={"dropout": key}`.
        """
        return self._forward(images, train, examples)[0]

    def features(self, images: Array, train: bool = False, examples: Examples = None) -> Features:
        """{"stage1": ..., "pooled": [B, C], "prelogits": what the classifier takes}.

        `pooled` is the mean of the last map before any norm of the head.
        """
        return self._forward(images, train, examples)[1]

    def logits_and_features(
        self, images: Array, train: bool = False, examples: Examples = None
    ) -> Outputs:
        """Both of one pass; in training of a network with an auxiliary head its logits, too."""
        return self._forward(images, train, examples)

    def _forward(self, images: Array, train: bool, examples: Examples, **further: Any) -> Outputs:
        given, expected = images.shape[-1], self.architecture.in_chans
        if given != expected:
            raise UserError(
                f"images have {given} channels, the model takes in_chans={expected}: "
                f"set in_chans={given}"
            )
        if train and examples is None:
            examples = jnp.arange(images.shape[0])
        # Layers see by `examples` whether they train: None stands for evaluation.
        examples = examples if train else None
        with self._intercepted():
            return self.forward(images.astype(self.dtype), examples, **further)

    @nn.nowrap
    def _intercepted(self) -> contextlib.AbstractContextManager:
        if self.interceptor is None:
            return contextlib.nullcontext()
        return nn.intercept_methods(self.interceptor)

    # ------------------------------------------------------------------- what a network states

    @nn.nowrap
    def stage_depths(self) -> tuple[int, ...]:
        """The number of blocks in each stage."""
        return self.architecture.depths

    @nn.nowrap
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the images that the network is for; None: of any size, or square."""
        size = getattr(self.architecture, "image_size", None)
        return None if size is None else sides(size)

    @property
    def layer_count(self) -> int:
        """The depth of the head: one more than the number of blocks."""
        return sum(self.stage_depths()) + 1

    @nn.nowrap
    def layer_depths(self, params: Any) -> Any:
        """A tree of ints like `params`: 0 the stem, i + 1 block i, `layer_count` the head.

        A stage's downsampling has the depth of the block after it.

        Raises UserError for a parameter of which the family states no depth.
        """
        layout = self.layout or Layout(stem=(), block="", head=())
        return layout.layer_depths(params, self.stage_depths(), type(self).__name__)

    @nn.nowrap
    def windows(self) -> tuple[Window, ...]:
        """The windows whose sizes may be searched, in the order of the network."""
        found = []
        for stage, depth in enumerate(self.stage_depths()):
            for block in range(depth):
                place = self.layout and self.layout.block_path(stage, block)
                for inside, field, side in self.block_windows(stage, block):
                    path = (*place, *inside.split("/"))
                    found.append(Window(path, field, stage, block, side))
        return tuple(found)

    @nn.nowrap
    def block_windows(self, stage: int, block: int) -> BlockWindows:
        """(path inside of the block, field, side) of each window of a block, see `Window`."""
        return ()
