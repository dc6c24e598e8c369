"""DualFormer: Dual Path Transformer for video, https://arxiv.org/abs/2112.04674.

Blocks alternate between attention inside of local windows and attention of all tokens to a small
pyramid of pooled ones.

Shapes: B batch, T H W time and space, N tokens, C channels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import (
    Channels,
    Depth,
    Rate,
    Ratio,
    Width,
    check,
)
from effjax.models.base import Features, ImageModel
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import SelfAttention, attend
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.layers import Conv, Linear, at_least_float32
from effjax.models.blocks.mlp import Mlp
from effjax.models.blocks.norms import BatchNorm, LayerNorm
from effjax.models.blocks.stages import maybe_remat
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family
from effjax.ranges import Count

EPS = 1e-5
HEAD_DIM = 32
Grid = tuple[Count, Count, Count]  # time, height, width


@dataclass(frozen=True)
class DualFormerArchitecture:
    """A DualFormer; one entry for each stage where a field is a tuple. Grids are (T, H, W).

    `windows` are the local ones; `fine_grids` and, where `coarse` is set, `coarse_grid` are the
    pooled tokens that global attention looks at.
    """

    depths: tuple[Depth, ...]
    dims: tuple[Width, ...]
    patch_sizes: tuple[Grid, ...] = ((2, 4, 4), (1, 2, 2), (1, 2, 2), (1, 2, 2))
    windows: tuple[Grid, ...] = ((8, 7, 7),) * 4
    fine_grids: tuple[Grid, ...] = ((8, 7, 7), (8, 7, 7), (8, 7, 7), (16, 7, 7))
    coarse: tuple[bool, ...] = (True, True, False, False)
    coarse_grid: Grid = (4, 4, 4)
    mlp_ratio: Ratio = 4.0
    head_dropout: Rate = 0.5
    drop_path_rate: Rate = 0.0
    in_chans: Channels = 3
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self)
        if any(dim % HEAD_DIM for dim in self.dims):
            raise UserError(f"dims={self.dims}: attention has heads of {HEAD_DIM}, give multiples")


class DualFormer(ImageModel):
    """Video [B, T, H, W, 3] -> logits; `features` are maps over time and space."""

    layout = Layout(
        stem=(),
        stage=("patch_embeds_{stage}",),
        beside_first=("pos_block_{stage}",),
        block="blocks_{stage}_{block}",
        head=("norm", "head"),
    )

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> tuple[Array, Features]:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            make_block = partial(maybe_remat(Block, a.remat[i]), a, self.batch_axis, i)
            x = PatchEmbedding(a.dims[i], a.patch_sizes[i], name=f"patch_embeds_{i}")(x)
            for j, rate in enumerate(rates):
                looks_far = j % 2 == 1
                x = make_block(looks_far, rate, name=f"blocks_{i}_{j}")(x, examples)
                if j == 0:
                    x = PositionEncoding(name=f"pos_block_{i}")(x)
            features[f"stage{i + 1}"] = x
        x = at_least_float32(x)
        prelogits = mean_over_positions(LayerNorm(EPS, name="norm")(x))  # [B, T, H, W, C] -> [B, C]
        features |= {"pooled": mean_over_positions(x), "prelogits": prelogits}
        return classify(prelogits, self.num_classes, a.head_dropout, examples, "head"), features


class PatchEmbedding(nn.Module):
    """Patches that do not overlap, in time and space, then a norm."""

    dim: int
    size: Grid

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = Conv(self.dim, self.size, self.size, name="proj")(x)
        return LayerNorm(EPS, name="norm")(x)


class PositionEncoding(nn.Module):
    """x + depthwise convolution of 3x3x3: where a token stands, by its neighbours."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        return x + Conv(channels, (3, 3, 3), 1, 1, groups=channels, name="proj_0")(x)


class Block(nn.Module):
    """Local or global attention, then MLP, each after a norm and beside a skip connection."""

    architecture: DualFormerArchitecture
    batch_axis: str | None
    stage: int
    looks_far: bool
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a, i = self.architecture, self.stage
        drop = StochasticDepth(self.drop_path)
        y = LayerNorm(EPS, name="norm1")(x)
        if self.looks_far:
            coarse = a.coarse_grid if a.coarse[i] else None
            attention = PyramidAttention(a.fine_grids[i], coarse, self.batch_axis, name="attn")
            y = attention(y, examples)
        else:
            windows = SelfAttention(HEAD_DIM, name="attn")(to_windows(y, a.windows[i]))
            y = from_windows(windows, a.windows[i], y.shape)
        x = x + drop(y, examples)
        y = Mlp(a.mlp_ratio, name="mlp")(LayerNorm(EPS, name="norm2")(x))
        return x + drop(y, examples)


class PyramidAttention(nn.Module):
    """All tokens ask, pooled tokens answer: a fine grid and, in early stages, a coarse one."""

    fine: Grid
    coarse: Grid | None
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        batch, *grid, channels = x.shape
        # A pyramid of the map's own grid needs no pooling.
        answers = x if tuple(grid) == self.fine else self._pool(x, examples)
        tokens = x.reshape(batch, -1, channels)  # [B, N, C]
        q = Linear(channels, name="q")(tokens)
        kv = Linear(2 * channels, name="kv")(answers.reshape(batch, -1, channels))
        k, v = jnp.split(kv, 2, axis=-1)
        y = attend(q, k, v, HEAD_DIM)
        return Linear(channels, name="proj")(y).reshape(x.shape)

    def _pool(self, x: Array, examples: Examples) -> Array:
        """[B, T, H, W, C] -> the tokens of the pyramid [B, N, C], normalised."""
        batch, time, height, width, channels = x.shape
        fine = pool_to(x, self.fine, "sr")
        tokens = [fine.reshape(batch, -1, channels)]
        if self.coarse is not None:
            # Two steps to the coarse grid: space by 7, then time and the rest of space.
            y = pool_to(x, (time, height // 7, width // 7), "lr_0")
            y = nn.relu(BatchNorm(self.batch_axis, name="lr_1")(y, examples))
            coarse = pool_to(y, self.coarse, "lr_3")
            tokens.append(coarse.reshape(batch, -1, channels))
        return LayerNorm(EPS, name="norm")(jnp.concatenate(tokens, axis=1))


def pool_to(x: Array, grid: Grid, name: str) -> Array:
    """Learned pooling of [B, T, H, W, C] to `grid`: a depthwise convolution without overlap."""
    check_divides(x, grid)
    kernel = tuple(size // cells for size, cells in zip(x.shape[1:4], grid, strict=True))
    return Conv(x.shape[-1], kernel, kernel, groups=x.shape[-1], name=name)(x)


def to_windows(x: Array, window: Grid) -> Array:
    """[B, T, H, W, C] -> [B * windows, N of a window, C]."""
    check_divides(x, window)
    batch, *grid, channels = x.shape
    t, h, w = window
    counts = count_windows(grid, window)
    x = x.reshape(batch, counts[0], t, counts[1], h, counts[2], w, channels)
    x = x.transpose(0, 1, 3, 5, 2, 4, 6, 7)  # [B, windows of each axis, t, h, w, C]
    return x.reshape(-1, t * h * w, channels)


def from_windows(x: Array, window: Grid, shape: tuple[int, ...]) -> Array:
    """The way back to `shape` [B, T, H, W, C]."""
    batch, *grid, channels = shape
    counts = count_windows(grid, window)
    x = x.reshape(batch, *counts, *window, channels)
    x = x.transpose(0, 1, 4, 2, 5, 3, 6, 7)  # beside each count its side of the window
    return x.reshape(shape)


def count_windows(grid: Sequence[int], window: Grid) -> list[int]:
    """The number of windows along each axis."""
    return [size // side for size, side in zip(grid, window, strict=True)]


def check_divides(x: Array, grid: Grid) -> None:
    """Raise UserError unless the map [B, T, H, W, C] is a multiple of `grid`."""
    if any(size % cells for size, cells in zip(x.shape[1:4], grid, strict=True)):
        raise UserError(
            f"a map of {x.shape[1:4]} does not divide by {grid}: give 32 frames of 224x224, or set "
            "windows, fine_grids and coarse_grid"
        )


@register_family(
    DualFormer, "DualFormer for video, local windows and a global pyramid", (32, 224, 224, 3)
)
def dualformer() -> dict[str, DualFormerArchitecture]:
    """For 32 frames of 224x224."""
    make = DualFormerArchitecture
    return {
        "dualformer_tiny": make((2, 2, 10, 4), (64, 128, 256, 512), drop_path_rate=0.1),
        "dualformer_small": make((2, 2, 18, 2), (96, 192, 384, 768)),
        "dualformer_base": make((2, 2, 18, 2), (128, 256, 512, 1024)),
    }
