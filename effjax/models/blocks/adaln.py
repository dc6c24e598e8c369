"""Blocks that a condition shifts, scales and gates: adaLN-zero of DiT.

Peebles & Xie 2023, https://arxiv.org/abs/2212.09748. Shapes: B batch, N tokens, C channels,
A attention heads.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from effjax.models.blocks.attention import attend, split_qkv
from effjax.models.blocks.initialisers import normal_init, zeros_init
from effjax.models.blocks.layers import Conv, Linear, at_least_float32
from effjax.models.blocks.sinusoids import time_table

xavier_init = nn.initializers.xavier_uniform()
SINUSOID = 256  # channels of a time before the first linear layer
EPS = 1e-6


def normalise(x: Array, eps: float = EPS) -> Array:
    """LayerNorm over the channels without scale and bias."""
    wide = at_least_float32(x)
    centred = wide - wide.mean(-1, keepdims=True)
    variance = jnp.square(centred).mean(-1, keepdims=True)
    return (centred * lax.rsqrt(variance + eps)).astype(x.dtype)


def modulate(x: Array, shift: Array, scale: Array) -> Array:
    """[B, N, C] normalised, then scaled and shifted by [B, C]."""
    # 1 + scale: a condition of zeros changes nothing
    factor = 1 + scale[:, None]
    return normalise(x) * factor + shift[:, None]


class TimeEmbedding(nn.Module):
    """Times [B] -> [B, width]: sinusoid, linear, SiLU, linear; in float32 at least."""

    width: int

    @nn.compact
    def __call__(self, told: Array) -> Array:
        table = time_table(told, SINUSOID)
        hidden = Linear(self.width, kernel_init=normal_init, name="mlp_0")(table)
        hidden = jax.nn.silu(hidden)
        return Linear(self.width, kernel_init=normal_init, name="mlp_2")(hidden)


class LabelEmbedding(nn.Module):
    """Labels [B] -> [B, width]: the rows of a table."""

    rows: int
    width: int

    @nn.compact
    def __call__(self, labels: Array) -> Array:
        table = self.param("embedding_table", normal_init, (self.rows, self.width))
        return jnp.asarray(table)[labels]


class PatchTokens(nn.Module):
    """[B, H, W, C] -> [B, N, width]: patches that do not overlap."""

    patch: int
    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        side = (self.patch, self.patch)
        proj = Conv(self.width, side, side, kernel_init=as_matrix_init, name="proj")
        tokens = proj(x)
        return tokens.reshape(tokens.shape[0], -1, self.width)


def as_matrix_init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    """xavier-uniform for a kernel [I, J, C, O] as the matrix [I J C, O]."""
    *inputs, outputs = shape
    matrix = xavier_init(key, (math.prod(inputs), outputs), dtype)
    return matrix.reshape(shape)


def patches_to_map(tokens: Array, grid: tuple[int, int], patch: int) -> Array:
    """[B, N, p p C], each a patch with its channels last, -> [B, H, W, C]."""
    batch = tokens.shape[0]
    rows, columns = grid
    x = tokens.reshape(batch, rows, columns, patch, patch, -1)
    x = x.swapaxes(2, 3)  # [B, rows, p, columns, p, C]
    return x.reshape(batch, rows * patch, columns * patch, -1)


class Attention(nn.Module):
    """Self-attention of tokens, with a learned bias for each distance if `grid` is given.

    Attributes:
      head_dim: channels of a head; None: all heads together have the channels of the input.
    """

    heads: int
    grid: tuple[int, int] | None = None
    head_dim: int | None = None
    kernel_init: Callable[..., Array] = xavier_init
    qkv_bias: bool = True

    @nn.compact
    def __call__(self, x: Array, kept: Array | None = None) -> Array:
        """Args: x [B, N, C]; kept: [B, N] int, which tokens of the grid they are; None: all."""
        channels = x.shape[-1]
        width = self.head_dim or channels // self.heads
        linear = {"kernel_init": self.kernel_init}
        qkv = Linear(3 * self.heads * width, self.qkv_bias, parts=3, name="qkv", **linear)(x)
        bias = None
        if self.grid is not None:
            bias = RelativeBias(self.heads, self.grid, name="rel_pos_bias")(kept)
        mixed = attend(*split_qkv(qkv), width, bias)
        return Linear(channels, name="proj", **linear)(mixed)


def relative_index(grid: tuple[int, int]) -> Array:
    """[N, N]: the row of the table of biases for each pair (query, key)."""
    rows, columns = grid
    place = jnp.arange(rows * columns)
    row = place // columns
    column = place % columns
    # distances from -(rows - 1) to rows - 1, counted from 0
    down = row[:, None] - row[None] + rows - 1
    right = column[:, None] - column[None] + columns - 1
    width = 2 * columns - 1
    return down * width + right


class RelativeBias(nn.Module):
    """A bias of attention for each head and distance on a grid, as in BEiT and MDT."""

    heads: int
    grid: tuple[int, int]

    @nn.compact
    def __call__(self, kept: Array | None = None) -> Array:
        """[1, A, N, N], or [B, A, n, n] for the `kept` tokens [B, n] of each example."""
        rows, columns = self.grid
        distances = (2 * rows - 1) * (2 * columns - 1)
        # the last three are BEiT's class token: nothing reads them, published files have them
        shape = (distances + 3, self.heads)
        table = self.param("relative_position_bias_table", normal_init, shape)
        index = relative_index(self.grid)[None]
        if kept is not None:
            queries = jnp.take_along_axis(index, kept[:, :, None], 1)  # [B, n, N]
            index = jnp.take_along_axis(queries, kept[:, None], 2)  # [B, n, n]
        biases = jnp.asarray(table)[index]  # [., N, N, A]
        return jnp.moveaxis(biases, -1, 1)


class GatedMlp(nn.Module):
    """linear, GELU by tanh, linear."""

    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        x = Linear(self.hidden, kernel_init=xavier_init, name="fc1")(x)
        x = jax.nn.gelu(x, approximate=True)
        return Linear(channels, kernel_init=xavier_init, name="fc2")(x)


class AdaLnBlock(nn.Module):
    """Attention and MLP, each shifted, scaled and gated by the condition.

    Attributes:
      grid: of tokens, for a relative bias; None: no bias.
      takes_skip: joins an earlier output to the input first.
      head_dim: as in `Attention`.
    """

    heads: int
    hidden: int
    grid: tuple[int, int] | None = None
    takes_skip: bool = False
    head_dim: int | None = None

    @nn.compact
    def __call__(
        self, x: Array, c: Array, kept: Array | None = None, skip: Array | None = None
    ) -> Array:
        """Args: x [B, N, C]; c [B, C]; kept as in `Attention`; skip [B, N, C]."""
        channels = x.shape[-1]
        if self.takes_skip:
            both = jnp.concatenate([x, skip], -1)
            x = Linear(channels, kernel_init=xavier_init, name="skip_linear")(both)
        gates = Linear(6 * channels, kernel_init=zeros_init, name="adaLN_modulation_1")
        conditions = gates(jax.nn.silu(c)).astype(x.dtype)  # [B, 6 C]
        shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(conditions, 6, axis=-1)
        attention = Attention(self.heads, self.grid, self.head_dim, name="attn")
        mixed = attention(modulate(x, shift1, scale1), kept)
        x += gate1[:, None] * mixed
        mlp = GatedMlp(self.hidden, name="mlp")
        changed = mlp(modulate(x, shift2, scale2))
        return x + gate2[:, None] * changed


class FinalLayer(nn.Module):
    """Tokens [B, N, C] -> patches [B, N, outputs]; zero at the start."""

    outputs: int

    @nn.compact
    def __call__(self, x: Array, c: Array) -> Array:
        channels = x.shape[-1]
        gates = Linear(2 * channels, kernel_init=zeros_init, name="adaLN_modulation_1")
        conditions = gates(jax.nn.silu(c)).astype(x.dtype)  # [B, 2 C]
        shift, scale = jnp.split(conditions, 2, axis=-1)
        linear = Linear(self.outputs, kernel_init=zeros_init, name="linear")
        return linear(modulate(x, shift, scale))


def scan_equal(
    module: nn.Module, names: Sequence[str], block: nn.Module, x: Array, *shared: Any
) -> Array:
    """`x` through the children `names` of a bound module, which are alike: compiled once.

    Args:
      block: one of them without a parent, called as block(x, *shared).
    """
    params = module.variables["params"]
    blocks = [params[name] for name in names]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks)

    def step(x: Array, own: Any) -> tuple[Array, None]:
        x = block.apply({"params": own}, x, *shared)
        return x, None

    x, _ = lax.scan(step, x, stacked)
    return x
