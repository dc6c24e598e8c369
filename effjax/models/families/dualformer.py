"""DualFormer: Dual Path Transformer for video, https://arxiv.org/abs/2112.04674.

Blocks alternate between attention inside of local windows and attention of all tokens to a small
pyramid of pooled ones.

Shapes: B batch, T H W time and space, N tokens, C channels, K classes.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError
from effjax.models.architecture import check
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    BatchNorm,
    Conv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    StochasticDepth,
    at_least_float32,
    stochastic_depth_rates,
)
from effjax.models.blocks.mixers import SelfAttention, attend
from effjax.models.registry import register

EPS = 1e-5
HEAD_DIM = 32
Grid = tuple[int, int, int]


@dataclass(frozen=True)
class DualFormerArchitecture:
    """A DualFormer; one entry for each stage where a field is a tuple. Grids are (T, H, W).

    `windows` are the local ones; `fine_grids` and, where `coarse` is set, `coarse_grid` are the
    pooled tokens that global attention looks at.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    patch_sizes: tuple[Grid, ...] = ((2, 4, 4), (1, 2, 2), (1, 2, 2), (1, 2, 2))
    windows: tuple[Grid, ...] = ((8, 7, 7),) * 4
    fine_grids: tuple[Grid, ...] = ((8, 7, 7), (8, 7, 7), (8, 7, 7), (16, 7, 7))
    coarse: tuple[bool, ...] = (True, True, False, False)
    coarse_grid: Grid = (4, 4, 4)
    mlp_ratio: float = 4.0
    head_dropout: float = 0.5
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self)
        if any(dim % HEAD_DIM for dim in self.dims):
            raise UserError(f"dims={self.dims}: attention has heads of {HEAD_DIM}, give multiples")


class DualFormer(ImageModel):
    """Video [B, T, H, W, 3] -> logits; `features` are maps over time and space."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            block = nn.remat(Block) if a.remat[i] else Block
            x = PatchEmbedding(a.dims[i], a.patch_sizes[i], name=f"patch_embeds_{i}")(x)
            for j, rate in enumerate(rates):
                x = block(a, self.batch_axis, i, j % 2 == 1, rate, name=f"blocks_{i}_{j}")(
                    x, examples
                )
                if j == 0:
                    x = PositionEncoding(name=f"pos_block_{i}")(x)
            features[f"stage{i + 1}"] = x
        x = at_least_float32(x)
        prelogits = LayerNorm(EPS, name="norm")(x).mean((1, 2, 3))
        features |= {"pooled": x.mean((1, 2, 3)), "prelogits": prelogits}
        if self.num_classes == 0:
            return prelogits, features
        dropped = Dropout(a.head_dropout)(prelogits, examples)
        return Linear(self.num_classes, name="head")(dropped), features


class PatchEmbedding(nn.Module):
    """Patches that do not overlap, in time and space, then a norm."""

    dim: int
    size: Grid

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv(self.dim, self.size, self.size, name="proj")(x)
        return LayerNorm(EPS, name="norm")(x)


class PositionEncoding(nn.Module):
    """x + depthwise convolution of 3x3x3: where a token stands, by its neighbours."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
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
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i = self.architecture, self.stage
        drop = StochasticDepth(self.drop_path)
        y = LayerNorm(EPS, name="norm1")(x)
        if self.looks_far:
            coarse = a.coarse_grid if a.coarse[i] else None
            attention = PyramidAttention(a.fine_grids[i], coarse, self.batch_axis, name="attn")
            y = attention(y, examples is not None)
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
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        channels = x.shape[-1]
        answers = x if x.shape[1:4] == self.fine else self._pool(x, train)
        tokens = x.reshape(x.shape[0], -1, channels)
        q = Linear(channels, name="q")(tokens)
        kv = Linear(2 * channels, name="kv")(answers.reshape(x.shape[0], -1, channels))
        y = attend(q, *jnp.split(kv, 2, axis=-1), HEAD_DIM)
        return Linear(channels, name="proj")(y).reshape(x.shape)

    def _pool(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, T, H, W, C] -> the tokens of the pyramid [B, N, C], normalised."""
        flat = (x.shape[0], -1, x.shape[-1])
        tokens = [pool_to(x, self.fine, "sr").reshape(flat)]
        if self.coarse is not None:
            time, height, width = x.shape[1:4]
            y = pool_to(x, (time, height // 7, width // 7), "lr_0")
            y = nn.relu(BatchNorm(self.batch_axis, name="lr_1")(y, train))
            tokens.append(pool_to(y, self.coarse, "lr_3").reshape(flat))
        return LayerNorm(EPS, name="norm")(jnp.concatenate(tokens, axis=1))


def pool_to(x: jax.Array, grid: Grid, name: str) -> jax.Array:
    """Learned pooling of [B, T, H, W, C] to `grid`: a depthwise convolution without overlap."""
    check_divides(x, grid)
    kernel = tuple(size // cells for size, cells in zip(x.shape[1:4], grid, strict=True))
    return Conv(x.shape[-1], kernel, kernel, groups=x.shape[-1], name=name)(x)


def to_windows(x: jax.Array, window: Grid) -> jax.Array:
    """[B, T, H, W, C] -> [B * windows, N of a window, C]."""
    check_divides(x, window)
    batch, *grid, channels = x.shape
    cut = [part for size, side in zip(grid, window, strict=True) for part in (size // side, side)]
    x = x.reshape(batch, *cut, channels).transpose(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(-1, window[0] * window[1] * window[2], channels)


def from_windows(x: jax.Array, window: Grid, shape: tuple[int, ...]) -> jax.Array:
    """The way back to `shape` [B, T, H, W, C]."""
    batch, *grid, channels = shape
    counts = [size // side for size, side in zip(grid, window, strict=True)]
    x = x.reshape(batch, *counts, *window, channels).transpose(0, 1, 4, 2, 5, 3, 6, 7)
    return x.reshape(shape)


def check_divides(x: jax.Array, grid: Grid) -> None:
    """Raise UserError unless the map [B, T, H, W, C] is a multiple of `grid`."""
    if any(size % cells for size, cells in zip(x.shape[1:4], grid, strict=True)):
        raise UserError(
            f"a map of {x.shape[1:4]} does not divide by {grid}: give 32 frames of 224x224, or set "
            "windows, fine_grids and coarse_grid"
        )


_sizes = {
    "tiny": DualFormerArchitecture((2, 2, 10, 4), (64, 128, 256, 512), drop_path_rate=0.1),
    "small": DualFormerArchitecture((2, 2, 18, 2), (96, 192, 384, 768)),
    "base": DualFormerArchitecture((2, 2, 18, 2), (128, 256, 512, 1024)),
}
for _size, _architecture in _sizes.items():
    _text = "DualFormer for video, local windows and a global pyramid"
    register(f"dualformer_{_size}", _text, DualFormer, _architecture, (32, 224, 224, 3))
