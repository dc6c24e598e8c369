"""DiT, transformers that take noise away: https://arxiv.org/abs/2212.09748.

Shapes: B batch, H W space, N tokens, C channels.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Depth, Ratio, Stride, Width, check
from effjax.models.blocks.adaln import (
    AdaLnBlock,
    FinalLayer,
    LabelEmbedding,
    PatchTokens,
    TimeEmbedding,
    patches_to_map,
    scan_equal,
)
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.sinusoids import grid_table
from effjax.models.denoiser import Denoiser, Hidden
from effjax.models.registry import register_family
from effjax.ranges import Count

LATENT = (32, 32, 4)  # of an image of 256 pixels


@dataclass(frozen=True)
class TransformerFields:
    """What all transformers of this kind have."""

    width: Width  # channels
    heads: Count  # of attention
    depth: Depth = 12  # blocks
    patch_size: Stride = 2  # side
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    in_chans: Channels = 4  # of an example; 3 for colour images
    learn_sigma: bool = True  # as many further outputs, for a variance
    null_label: bool = True  # one row more than classes: "no label", for guidance
    second_time: bool = False  # two times for each example, as MeanFlow has
    remat: bool = False  # compute blocks again in the backward pass
    image_size: Count | None = None  # side of the examples; None: 32

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads:
            raise UserError(f"width={self.width} is no multiple of heads={self.heads}")
        if self.width % 4:
            raise UserError(f"width={self.width}: positions need a multiple of 4")

    @property
    def hidden(self) -> int:
        """Hidden channels of the MLP."""
        return int(self.width * self.mlp_ratio)

    @property
    def out_chans(self) -> int:
        """Channels of the network's output."""
        return self.in_chans * (2 if self.learn_sigma else 1)


@dataclass(frozen=True)
class DiTArchitecture(TransformerFields):
    """`depth` blocks of `width` channels, equal ones unless the last two fields say otherwise."""

    scan: bool = False  # compile the blocks once: for deep networks
    # heads of each block, as wide as `heads` of them would be; None: `heads`
    block_heads: tuple[Count, ...] | None = None
    block_hidden: tuple[Count, ...] | None = None  # of each MLP; None: by mlp_ratio

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("block_heads", "block_hidden"):
            given = getattr(self, name)
            if given is None:
                continue
            if len(given) != self.depth:
                raise UserError(
                    f"{name}={given}: expected a number for each of {self.depth} blocks"
                )
            if self.scan:
                raise UserError(f"scan compiles equal blocks once; leave out scan or {name}")

    def block(self, number: int) -> tuple[int, int, int]:
        """(heads, hidden channels, channels of a head) of a block."""
        heads = self.heads if self.block_heads is None else self.block_heads[number]
        hidden = self.hidden if self.block_hidden is None else self.block_hidden[number]
        return heads, hidden, self.width // self.heads


def token_grid(x: Array, patch: int) -> tuple[int, int]:
    """(rows, columns) of the patches of [B, H, W, C]; raises UserError."""
    height, width = x.shape[1:3]
    if height % patch or width % patch:
        raise UserError(
            f"examples {height}x{width} do not divide into patches of {patch}x{patch}: "
            "set patch_size or resize the images"
        )
    return height // patch, width // patch


class ConditionedTransformer(Denoiser):
    """What DiT and MDT share: tokens in, a condition, patches out."""

    def condition(self, told: Array, labels: Array) -> Array:
        """[B, width] of times and labels; in a compact method."""
        a = self.architecture
        known = LabelEmbedding(self.labels_known, a.width, name="y_embedder")(labels)
        if not a.second_time:
            return TimeEmbedding(a.width, name="t_embedder")(told) + known
        times = TimeEmbedding(a.width, name="t_embedder")(told[:, 0])
        return times + TimeEmbedding(a.width, name="r_embedder")(told[:, 1]) + known

    def to_map(self, x: Array, c: Array, grid: tuple[int, int]) -> Array:
        """Tokens [B, N, width] -> [B, H, W, out_chans]; in a compact method."""
        a = self.architecture
        patches = FinalLayer(a.patch_size**2 * a.out_chans, name="final_layer")(x, c)
        return patches_to_map(patches, grid, a.patch_size)


class DiT(ConditionedTransformer):
    """Tokens with fixed positions, equal blocks, one linear layer back to patches."""

    @nn.compact
    def forward(self, x: Array, told: Array, labels: Array, hidden: Hidden | None) -> Array:
        a = self.architecture
        grid = token_grid(x, a.patch_size)
        x = PatchTokens(a.patch_size, a.width, name="x_embedder")(x)
        x += jnp.asarray(grid_table(grid, a.width), x.dtype)[None]
        c = self.condition(told, labels)
        make_block = maybe_remat(AdaLnBlock, a.remat)
        names = [f"blocks_{number}" for number in range(a.depth)]
        # the first call, in `init`, makes the variables that a scan stacks
        if a.scan and not self.is_initializing():
            block = make_block(a.heads, a.hidden, parent=None)
            x = scan_equal(self, names, block, x, c)
        else:
            for number, name in enumerate(names):
                heads, hidden_size, head_dim = a.block(number)
                block = make_block(heads, hidden_size, head_dim=head_dim, name=name)
                x = block(x, c)
        return self.to_map(x, c, grid)


# (name, depth, width, heads)
SIZES = (("s", 12, 384, 6), ("b", 12, 768, 12), ("l", 24, 1024, 16), ("xl", 28, 1152, 16))


@register_family(DiT, "DiT, takes noise away; adaLN-zero, fixed positions", input_shape=LATENT)
def dit() -> dict[str, DiTArchitecture]:
    """dit_s_2: size S, patches of 2x2."""
    found = {}
    for size, depth, width, heads in SIZES:
        for patch in (2, 4, 8):
            found[f"dit_{size}_{patch}"] = DiTArchitecture(width, heads, depth, patch)
    return found
