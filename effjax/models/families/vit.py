"""Vision transformer: An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929.

Shapes: B batch, H W space, N tokens (the class token first), C channels, K classes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import (
    Channels,
    Depth,
    Rate,
    Ratio,
    Stride,
    Width,
    check,
)
from effjax.models.base import Features, ImageModel, Outputs
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import SelfAttention
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.initialisers import normal_init, uniform_init
from effjax.models.blocks.layers import Conv, at_least_float32
from effjax.models.blocks.mlp import HiddenWidths, Mlp, hidden_width
from effjax.models.blocks.norms import LayerNorm
from effjax.models.blocks.positions import Grid, square_grid
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.tail import classify
from effjax.models.layout import Layout
from effjax.models.registry import register_family
from effjax.ops import tokens_in_rows
from effjax.ranges import Count

class_token_init = nn.initializers.normal(1e-6)
PREFIX = 1  # tokens before those of the patches: the class token


@dataclass(frozen=True)
class ViTArchitecture:
    """`depth` equal blocks of `width` channels and `heads` attention heads.

    `image_size`, a side or (height, width), belongs to images that are not square: positions are a
    list of tokens, and their number does not tell the grid. None: square images of any size.
    """

    width: Width  # channels
    heads: Count  # of attention
    depth: Depth = 12  # blocks
    patch_size: Stride = 16  # side, in pixels
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    mlp_hidden: HiddenWidths = None  # of each block of each stage; None: by the ratio
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    remat: bool = False  # compute blocks again in the backward pass
    image_size: Count | tuple[Count, Count] | None = None  # None: square images

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads:
            raise UserError(f"width={self.width} is no multiple of heads={self.heads}")


class Shown(NamedTuple):
    """What a network is shown of the patches of each image; by default all of them.

    Attributes:
        kept: int [B, n], the numbers of the patches that are seen, in this order; None: all.
        hidden: bool [B, N], patches that `stand_in` takes the place of; None: none.
        stand_in: [C], an embedding of a patch without its position.
    """

    kept: Array | None = None
    hidden: Array | None = None
    stand_in: Array | None = None


EVERYTHING = Shown()


class ViT(ImageModel):
    """Patches and a class token, positions, blocks; the class token answers."""

    layout = Layout(
        stem=("cls_token", "pos_embed", "patch_embed"),
        block="blocks_{block}",
        head=("norm", "head"),
    )

    @nn.nowrap
    def stage_depths(self) -> tuple[int, ...]:
        return (self.architecture.depth,)

    @nn.nowrap
    def token_grid(self, tokens: int) -> Grid | None:
        """(rows, columns) of so many patches; None if they are no square."""
        size = self.image_size()
        if size is None:
            return square_grid(tokens)
        side = self.architecture.patch_size
        return size[0] // side, size[1] // side

    def features(
        self,
        images: Array,
        train: bool = False,
        examples: Examples = None,
        shown: Shown = EVERYTHING,
    ) -> Features:
        """As of every model; beside it "tokens" [B, PREFIX + n, C], all of them after the norm.

        The patches that are left out of `shown.kept` cost nothing.
        """
        return self._forward(images, train, examples, shown=shown)[1]

    def tokens(self, *args: Any, **kwargs: Any) -> Array:
        """The "tokens" of `features`."""
        return self.features(*args, **kwargs)["tokens"]

    @nn.compact
    def forward(self, x: Array, examples: Examples, shown: Shown = EVERYTHING) -> Outputs:
        a = self.architecture
        make_block = partial(maybe_remat(Block, a.remat), a)
        (rates,) = stochastic_depth_rates(a.drop_path_rate, (a.depth,))
        features = {}
        x = tokens_in_rows(self._embed(x, shown))
        for j, rate in enumerate(rates):
            x = tokens_in_rows(make_block(rate, name=f"blocks_{j}")(x, examples))
            # A stage is a quarter of the blocks.
            stage, rest = divmod(4 * (j + 1), a.depth)
            if rest == 0:
                features[f"stage{stage}"] = x
        features["pooled"] = at_least_float32(x[:, 0])  # the class token, [B, C]
        norm = LayerNorm(name="norm")
        features["prelogits"] = prelogits = norm(features["pooled"])
        features["tokens"] = norm(x)  # compiled only where somebody asks for it
        return classify(prelogits, self.num_classes, a.head_dropout, examples, "head"), features

    def _embed(self, images: Array, shown: Shown) -> Array:
        """Images [B, H, W, C] -> tokens [B, PREFIX + n, C] with their positions."""
        self._check_size(images.shape[1:3])
        x = PatchEmbedding(self.architecture, name="patch_embed")(images)
        if shown.hidden is not None:
            x = jnp.where(shown.hidden[..., None], shown.stand_in.astype(x.dtype), x)
        batch, _, channels = x.shape
        # The class token: one for all images, and nothing of any of them yet.
        first = self.param("cls_token", class_token_init, (1, 1, channels))
        first = jnp.broadcast_to(first.astype(x.dtype), (batch, 1, channels))
        x = jnp.concatenate([first, x], axis=1)
        known = self.get_variable("params", "pos_embed")
        self._check_known(known, x.shape[1], images.shape[1:3])
        positions = self.param("pos_embed", normal_init, (1, *x.shape[1:]))
        x = x + positions.astype(x.dtype)
        if shown.kept is None:
            return x
        seen = jnp.take_along_axis(x[:, PREFIX:], shown.kept[..., None], axis=1)
        return jnp.concatenate([x[:, :PREFIX], seen], axis=1)

    @nn.nowrap
    def _check_size(self, given: tuple[int, int]) -> None:
        size = self.image_size()
        height, width = given
        if size is None and height != width:
            raise UserError(
                f"images {height}x{width} are not square: positions of a ViT belong to one grid\n"
                f"set image_size=({height}, {width})"
            )
        if size is not None and size != given:
            raise UserError(
                f"images {height}x{width}, but the model has image_size={size}\n"
                "give images of that size, or load_weights into a model of the new size"
            )

    @nn.nowrap
    def _check_known(self, known: Array | None, tokens: int, given: tuple[int, int]) -> None:
        if known is not None and known.shape[1] != tokens:
            height, width = given
            raise UserError(
                f"images {height}x{width} make {tokens - PREFIX} patches, the model has positions "
                f"for {known.shape[1] - PREFIX}: give images of the size that it was initialised "
                "with, or load_weights into a model of the new size"
            )


class PatchEmbedding(nn.Module):
    """Patches that do not overlap, as tokens."""

    architecture: ViTArchitecture

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = self.architecture
        if x.shape[1] % a.patch_size or x.shape[2] % a.patch_size:
            raise UserError(
                f"images {x.shape[1]}x{x.shape[2]} do not divide into patches of "
                f"{a.patch_size}x{a.patch_size}: set patch_size or resize the images"
            )
        inputs = a.patch_size**2 * a.in_chans
        uniform = uniform_init(inputs**-0.5)
        size = (a.patch_size, a.patch_size)
        proj = Conv(a.width, size, size, kernel_init=uniform, bias_init=uniform, name="proj")
        x = proj(x)  # [B, rows, columns, C]
        return x.reshape(x.shape[0], -1, a.width)  # [B, N, C]


class Block(nn.Module):
    """Attention, then MLP, each after a norm and beside a skip connection."""

    architecture: ViTArchitecture
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        attention = SelfAttention(a.width // a.heads, name="attn")
        mlp = Mlp(a.mlp_ratio, hidden=hidden_width(a, self.path), name="mlp")
        # One layer for both branches, so that its two draws differ by their order.
        drop = StochasticDepth(self.drop_path)
        y = LayerNorm(name="norm1")(x)
        x = x + drop(attention(y), examples)
        y = LayerNorm(name="norm2")(x)
        return x + drop(mlp(y), examples)


@register_family(ViT, "ViT, patches of 16x16, class token")
def vit() -> dict[str, ViTArchitecture]:
    """Heads of 64 channels."""
    return {
        "vit_tiny_patch16_224": ViTArchitecture(192, 3),
        "vit_small_patch16_224": ViTArchitecture(384, 6),
        "vit_base_patch16_224": ViTArchitecture(768, 12),
    }
