"""DualFormer: Dual Path Transformer for video, https://arxiv.org/abs/2112.04674.

Blocks alternate between attention inside of local windows and attention of all tokens to a small
pyramid of pooled ones.

Shapes: B batch, T H W time and space, N tokens, C channels, K classes.
"""

import math
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
from effjax.models.base import ImageModel, Outputs
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import SelfAttention, attend
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.layers import Conv, Linear, at_least_float32
from effjax.models.blocks.mlp import Mlp
from effjax.models.blocks.norms import BatchNorm, LayerNorm
from effjax.models.blocks.recompute import maybe_remat
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

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    # strides of each stage
    patch_sizes: tuple[Grid, ...] = ((2, 4, 4), (1, 2, 2), (1, 2, 2), (1, 2, 2))
    windows: tuple[Grid, ...] = ((8, 7, 7),) * 4  # of local attention
    # of pooled tokens for global attention
    fine_grids: tuple[Grid, ...] = ((8, 7, 7), (8, 7, 7), (8, 7, 7), (16, 7, 7))
    coarse: tuple[bool, ...] = (True, True, False, False)  # whether a stage has the coarse grid too
    coarse_grid: Grid = (4, 4, 4)  # of fewer pooled tokens
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    head_dropout: Rate = 0.5  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    # compute a stage again in the backward pass
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
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            block = maybe_remat(Block, a.remat[i])
            make_block = partial(block, a, self.batch_axis, i)
            embedding = maybe_remat(PatchEmbedding, False)
            x = embedding(a.dims[i], a.patch_sizes[i], name=f"patch_embeds_{i}")(x)
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
        conv = Conv(self.dim, self.size, stride=self.size, name="proj")
        return LayerNorm(EPS, name="norm")(conv(x))


class PositionEncoding(nn.Module):
    """x + depthwise convolution of 3x3x3: where a token stands, by its neighbours."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        conv = Conv(channels, (3, 3, 3), pad=1, groups=channels, name="proj_0")
        return x + conv(x)


class Block(nn.Module):
    """Local or global attention, then MLP, each after a norm and beside a skip connection."""

    architecture: DualFormerArchitecture
    batch_axis: str | None
    stage: int
    looks_far: bool
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        i = self.stage
        drop = StochasticDepth(self.drop_path)
        y = LayerNorm(EPS, name="norm1")(x)
        if self.looks_far:
            coarse = a.coarse_grid if a.coarse[i] else None
            attention = PyramidAttention(a.fine_grids[i], coarse, self.batch_axis, name="attn")
            y = attention(y, examples)
        else:
            attention = SelfAttention(HEAD_DIM, name="attn")
            windows = attention(to_windows(y, a.windows[i]))
            y = from_windows(windows, a.windows[i], y.shape)
        x = x + drop(y, examples)
        y = LayerNorm(EPS, name="norm2")(x)
        y = Mlp(a.mlp_ratio, name="mlp")(y)
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
        fits = tuple(grid) == self.fine
        answers = x if fits else self._pool(x, examples)
        tokens = x.reshape(batch, -1, channels)  # [B, N, C]
        q = Linear(channels, name="q")(tokens)
        answers = answers.reshape(batch, -1, channels)
        kv = Linear(2 * channels, name="kv")(answers)
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
            y = BatchNorm(self.batch_axis, name="lr_1")(y, examples)
            y = nn.relu(y)
            coarse = pool_to(y, self.coarse, "lr_3")
            tokens.append(coarse.reshape(batch, -1, channels))
        pyramid = jnp.concatenate(tokens, axis=1)
        return LayerNorm(EPS, name="norm")(pyramid)


def pool_to(x: Array, grid: Grid, name: str) -> Array:
    """Learned pooling of [B, T, H, W, C] to `grid`: a depthwise convolution without overlap."""
    check_divides(x, grid)
    channels = x.shape[-1]
    # A cell of the grid is as large as a kernel, and kernels do not overlap.
    kernel = count_windows(x.shape[1:4], grid)
    conv = Conv(channels, kernel, stride=kernel, groups=channels, name=name)
    return conv(x)


def to_windows(x: Array, window: Grid) -> Array:
    """[B, T, H, W, C] -> [B * windows, N of a window, C]."""
    check_divides(x, window)
    batch, *grid, channels = x.shape
    cut = []  # each axis as (windows, side of a window)
    for count, side in zip(count_windows(grid, window), window, strict=True):
        cut += [count, side]
    x = x.reshape(batch, *cut, channels)
    # windows first, then the positions of each: [B, wt, wh, ww, t, h, w, C]
    x = x.transpose(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(-1, math.prod(window), channels)


def from_windows(x: Array, window: Grid, shape: tuple[int, ...]) -> Array:
    """The way back to `shape` [B, T, H, W, C]."""
    batch, *grid, channels = shape
    counts = count_windows(grid, window)
    x = x.reshape(batch, *counts, *window, channels)
    # beside each number of windows their side: [B, wt, t, wh, h, ww, w, C]
    x = x.transpose(0, 1, 4, 2, 5, 3, 6, 7)
    return x.reshape(shape)


def count_windows(grid: Sequence[int], window: Grid) -> tuple[int, ...]:
    """The number of windows along each axis."""
    return tuple(size // side for size, side in zip(grid, window, strict=True))


def check_divides(x: Array, grid: Grid) -> None:
    """Raise UserError unless the map [B, T, H, W, C] is a multiple of `grid`."""
    given = x.shape[1:4]
    rests = [size % cells for size, cells in zip(given, grid, strict=True)]
    if any(rests):
        raise UserError(
            f"a map of {given} does not divide by {grid}: give 32 frames of 224x224, or set "
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
