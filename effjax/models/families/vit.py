"""Vision transformer: An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929.

Shapes: B batch, H W space, N tokens (the class token first), C channels, K classes.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError
from effjax.models.architecture import check
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    Conv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    StochasticDepth,
    at_least_float32,
    normal_init,
    stochastic_depth_rates,
    uniform_init,
)
from effjax.models.blocks.mixers import SelfAttention
from effjax.models.registry import register


@dataclass(frozen=True)
class ViTArchitecture:
    """`depth` equal blocks of `width` channels and `heads` attention heads."""

    width: int
    heads: int
    depth: int = 12
    patch_size: int = 16
    mlp_ratio: float = 4.0
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: bool = False

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads:
            raise UserError(f"width={self.width} is no multiple of heads={self.heads}")


class ViT(ImageModel):
    """Patches and a class token, positions, blocks; the class token answers."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        block = nn.remat(Block) if a.remat else Block
        (rates,) = stochastic_depth_rates(a.drop_path_rate, (a.depth,))
        features = {}
        x = self._embed(x)
        for j, rate in enumerate(rates):
            x = block(a, rate, name=f"blocks_{j}")(x, examples)
            stage, rest = divmod(4 * (j + 1), a.depth)
            if rest == 0:
                features[f"stage{stage}"] = x
        features["pooled"] = at_least_float32(x[:, 0])
        features["prelogits"] = prelogits = LayerNorm(name="norm")(features["pooled"])
        if self.num_classes == 0:
            return prelogits, features
        dropped = Dropout(a.head_dropout)(prelogits, examples)
        return Linear(self.num_classes, name="head")(dropped), features

    def _embed(self, images: jax.Array) -> jax.Array:
        """Images [B, H, W, C] -> tokens [B, N, C] with their positions."""
        x = PatchEmbedding(self.architecture, name="patch_embed")(images)
        first = self.param("cls_token", nn.initializers.normal(1e-6), (1, 1, x.shape[-1]))
        first = jnp.broadcast_to(first.astype(x.dtype), (x.shape[0], 1, x.shape[-1]))
        x = jnp.concatenate([first, x], axis=1)
        known = self.get_variable("params", "pos_embed")
        if known is not None and known.shape[1] != x.shape[1]:
            raise UserError(
                f"images {images.shape[1]}x{images.shape[2]} make {x.shape[1] - 1} patches, the "
                f"model has positions for {known.shape[1] - 1}: give images of the size that it "
                "was initialised with, or load_weights into a model of the new size"
            )
        positions = self.param("pos_embed", normal_init, (1, *x.shape[1:]))
        return x + positions.astype(x.dtype)


class PatchEmbedding(nn.Module):
    """Patches that do not overlap, as tokens."""

    architecture: ViTArchitecture

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        a = self.architecture
        if x.shape[1] % a.patch_size or x.shape[2] % a.patch_size:
            raise UserError(
                f"images {x.shape[1]}x{x.shape[2]} do not divide into patches of "
                f"{a.patch_size}x{a.patch_size}: set patch_size or resize the images"
            )
        uniform = uniform_init((a.patch_size**2 * a.in_chans) ** -0.5)
        size = (a.patch_size, a.patch_size)
        x = Conv(a.width, size, size, kernel_init=uniform, bias_init=uniform, name="proj")(x)
        return x.reshape(x.shape[0], -1, a.width)  # [B, N, C]


class Block(nn.Module):
    """Attention, then MLP, each after a norm and beside a skip connection."""

    architecture: ViTArchitecture
    drop_path: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a = self.architecture
        attention = SelfAttention(a.width // a.heads, name="attn")
        mlp = Mlp(a.mlp_ratio, name="mlp")
        drop = StochasticDepth(self.drop_path)
        x = x + drop(attention(LayerNorm(name="norm1")(x)), examples)
        return x + drop(mlp(LayerNorm(name="norm2")(x)), examples)


for _size, _width, _heads in (("tiny", 192, 3), ("small", 384, 6), ("base", 768, 12)):
    _text = "ViT, patches of 16x16, class token"
    register(f"vit_{_size}_patch16_224", _text, ViT, ViTArchitecture(_width, _heads))
