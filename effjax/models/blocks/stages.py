"""What families of four stages share: patches with a norm, and blocks in a row.

Shapes: B batch, H W space, C channels.
"""

from collections.abc import Callable, Sequence
from typing import Any

from flax import linen as nn
from jax import Array
from jax.nn.initializers import Initializer

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.initialisers import normal_init, zeros_init
from effjax.models.blocks.layers import Conv
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.scan import equal_neighbours, scan_blocks
from effjax.ops import put_apart, side_by_side

# Layers are handed over as what makes them, a class with its arguments bound by `partial`: so each
# is made where it belongs in the tree, under the name that it has there.
Make = Callable[..., nn.Module]


class Patches(nn.Module):
    """The strided convolution "conv" that makes the patches of a stage, with a norm or without.

    The norm follows the convolution in the stem and comes before it between stages.

    Attributes:
      architecture: has `dims`, `patch_kernels`, `patch_strides` and `patch_pads`.
      stage: of which the patches are; 0 is the stem.
      make_norm: makes the layer "norm", called as norm(x, examples); None: none.
    """

    architecture: Any
    stage: int
    make_norm: Make | None
    kernel_init: Initializer = normal_init
    bias_init: Initializer = zeros_init

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        # no block is around them, and their norm would be kept whole for the backward pass
        return maybe_remat(Patches._embed, False)(self, x, examples)

    def _embed(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        i = self.stage
        side = a.patch_kernels[i]  # kernels of patches are square
        conv = Conv(
            a.dims[i],
            (side, side),
            a.patch_strides[i],
            a.patch_pads[i],
            kernel_init=self.kernel_init,
            bias_init=self.bias_init,
            name="conv",
        )
        if self.make_norm is None:
            return conv(x)
        norm = self.make_norm(name="norm")
        if i == 0:
            return norm(conv(x), examples)
        return conv(norm(x, examples))


def taken_apart(make: Make, beside: int, name: str) -> Callable[..., Array]:
    """Patches of a stage, of images that lie side by side until then; see `effjax.ops.beside`."""
    patches = make(name=name)

    def call(x: Array, examples: Examples) -> Array:
        with side_by_side(beside):
            y = patches(x, examples)
        return put_apart(y, beside)

    return call


class Stage(nn.Module):
    """Downsampling (from the second stage on), then the blocks.

    Attributes:
      downsample: makes the layer "downsample", called as downsample(x, examples); None:
        none.
      blocks: make the blocks, from `drop_path` and `name`.
      rates: of stochastic depth, one for each block.
      scan: compile equal neighbours among the blocks once, see `scan_blocks`.
    """

    downsample: Make | None
    blocks: Sequence[Make]
    rates: Sequence[float]
    scan: bool = False

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        if self.downsample is not None:
            x = self.downsample(name="downsample")(x, examples)
        # The first call, in `init`, makes the variables that a scan stacks.
        if not self.scan or self.is_initializing():
            return in_a_row(self.blocks, self.rates, "blocks_{}", x, examples)
        for first, last in equal_neighbours(self.blocks):
            blocks = self.blocks[first:last]
            rates = self.rates[first:last]
            if len(blocks) == 1:  # nothing to scan over
                block = blocks[0](drop_path=rates[0], name=f"blocks_{first}")
                x = block(x, examples)
            else:
                x = scan_blocks(self, blocks[0], first, rates, x, examples)
        return x


def in_a_row(
    blocks: Sequence[Make],
    rates: Sequence[float],
    names: str,
    x: Array,
    examples: Examples,
) -> Array:
    """`x` through the blocks, which are called `names` with "{}" replaced by their numbers.

    To be called inside of a module's compact method, to which the blocks belong.
    """
    for number, (make, rate) in enumerate(zip(blocks, rates, strict=True)):
        block = make(drop_path=rate, name=names.format(number))
        x = block(x, examples)
    return x
