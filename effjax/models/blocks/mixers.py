"""Token mixers: the part in which the MetaFormers differ.

Shapes: B batch, H W space, N = H * W tokens, C channels, A attention heads, D channels of a head.

A mixer maps [B, H, W, C] to the same shape. `MIXERS` names them for `architecture.mixers`; another
one takes part as soon as it is put there.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError
from effjax.models.architecture import sides
from effjax.models.blocks.layers import DepthwiseConv, Linear, StarReLU, at_least_float32
from effjax.ops import matrix_product, pool_minus_input


class TokenMixer(nn.Module):
    """What a block knows of its mixer: its local window, if it has one, a side or two."""

    kernel_size: int | tuple[int, int]


class Identity(TokenMixer):
    """No mixing at all (IdentityFormer, https://arxiv.org/abs/2210.13452)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return x


class Random(TokenMixer):
    """Mix by a frozen random matrix with rows that sum to 1 (RandFormer, same paper).

    The matrix belongs to the token grid that the model was initialised with.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        tokens = height * width
        matrix = self.variable("constants", "random_matrix", self._draw, tokens).value
        if matrix.shape != (tokens, tokens):
            raise UserError(
                f"a random mixer was drawn for {matrix.shape[0]} tokens and got {height}x{width} = "
                f"{tokens}: give images of the size that the model was initialised with"
            )
        mixed = jnp.einsum(
            "nm,bmc->bnc", matrix.astype(x.dtype), x.reshape(batch, tokens, channels)
        )
        return mixed.reshape(x.shape)

    def _draw(self, tokens: int) -> jax.Array:
        return jax.nn.softmax(
            jax.random.uniform(self.make_rng("params"), (tokens, tokens), jnp.float32)
        )


class Pooling(TokenMixer):
    """Average of the neighbours minus the token (PoolFormer, https://arxiv.org/abs/2111.11418)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if isinstance(self.kernel_size, tuple):
            raise UserError(f"pooling windows are square; got kernel_sizes {self.kernel_size}")
        return pool_minus_input(x, self.kernel_size)


class SeparableConv(TokenMixer):
    """Inverted separable convolution, expansion 2 (ConvFormer, https://arxiv.org/abs/2210.13452)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        x = Linear(2 * channels, use_bias=False, name="pwconv1")(x)
        x = StarReLU(name="act1")(x)
        x = DepthwiseConv(sides(self.kernel_size), use_bias=False, name="dwconv")(x)
        return Linear(channels, use_bias=False, name="pwconv2")(x)


class Attention(TokenMixer):
    """Self-attention over all positions, heads of 32 channels (https://arxiv.org/abs/1706.03762)."""

    head_dim: int = 32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        tokens = x.reshape(x.shape[0], -1, channels)
        width = max(channels // self.head_dim, 1) * self.head_dim
        qkv = Linear(3 * width, use_bias=False, name="qkv")(tokens)
        mixed = attend(*jnp.split(qkv, 3, axis=-1), self.head_dim)
        return Linear(channels, use_bias=False, name="proj")(mixed).reshape(x.shape)


class SelfAttention(nn.Module):
    """Attention over tokens [B, N, C], with biases."""

    head_dim: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        q, k, v = jnp.split(Linear(3 * x.shape[-1], name="qkv")(x), 3, axis=-1)
        return Linear(x.shape[-1], name="proj")(attend(q, k, v, self.head_dim))


def attend(q: jax.Array, k: jax.Array, v: jax.Array, head_dim: int) -> jax.Array:
    """softmax(q k^T / sqrt(D)) v for every head; all [B, N, A * D], heads outermost in A * D."""
    q, k, v = (t.reshape(*t.shape[:2], -1, head_dim) for t in (q, k, v))  # [B, N, A, D]
    q, v = (t.swapaxes(1, 2) for t in (q * head_dim**-0.5, v))  # [B, A, N, D]
    scores = matrix_product(q, k.transpose(0, 2, 3, 1))
    weights = jax.nn.softmax(at_least_float32(scores)).astype(v.dtype)
    mixed = matrix_product(weights, v).swapaxes(1, 2)
    return mixed.reshape(*mixed.shape[:2], -1)


MIXERS: dict[str, type[TokenMixer]] = {
    "identity": Identity,
    "random": Random,
    "pooling": Pooling,
    "separable_conv": SeparableConv,
    "attention": Attention,
}
