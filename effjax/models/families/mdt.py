"""MDT, masked diffusion transformers, v1 and v2: https://arxiv.org/abs/2303.14389.

A masked pass hides tokens of each example from the encoder; a small side block guesses them for
the decoder. Shapes: B batch, H W space, N tokens, n kept tokens, C channels.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Depth
from effjax.models.blocks.adaln import AdaLnBlock, PatchTokens
from effjax.models.blocks.initialisers import normal_init
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.sinusoids import grid_table
from effjax.models.blocks.skips import FixedSkips, skip_factor
from effjax.models.denoiser import Hidden
from effjax.models.families.dit import (
    LATENT,
    SIZES,
    ConditionedTransformer,
    TransformerFields,
    token_grid,
)
from effjax.models.registry import register_family
from effjax.ranges import Share


@dataclass(frozen=True)
class MDTArchitecture(TransformerFields):
    """`depth` blocks, the last `decoder` of which see all tokens."""

    decoder: Depth = 4  # blocks of the decoder
    long_skips: bool = True  # v2: from the first half of the encoder, and from the input
    skips: FixedSkips = "plain"  # how they are scaled
    kappa: Share = 0.7  # of skips="constant": each skip is so much of the one outside of it

    def __post_init__(self) -> None:
        super().__post_init__()
        encoder = self.depth - self.decoder
        if encoder < 1 or (self.long_skips and encoder % 2):
            raise UserError(
                f"depth={self.depth} with decoder={self.decoder}: the encoder has {encoder} "
                "blocks; give an even number with long_skips, at least 1 without"
            )


class MDT(ConditionedTransformer):
    """An encoder that may see some tokens only, a side block, a decoder that sees all."""

    @nn.nowrap
    def can_hide(self) -> bool:
        return True

    @nn.compact
    def forward(self, x: Array, told: Array, labels: Array, hidden: Hidden | None) -> Array:
        a = self.architecture
        grid = token_grid(x, a.patch_size)
        x = PatchTokens(a.patch_size, a.width, name="x_embedder")(x)
        x += self._positions("pos_embed", grid).astype(x.dtype)
        tokens = x
        # made in every pass, so that the parameters do not depend on whether tokens are hidden
        mask_token = self.param("mask_token", normal_init, (1, 1, a.width)).astype(x.dtype)
        c = self.condition(told, labels)
        kept = None
        if hidden is not None:
            kept = hidden.order[:, : hidden.kept]
            x = jnp.take_along_axis(x, kept[..., None], 1)
        x = self._encode(x, c, kept, grid)
        side = self._block(grid, "sideblocks_0")
        positions = self._positions("decoder_pos_embed", grid).astype(x.dtype)
        if self.is_initializing():
            side(tokens, c)
        if hidden is None:
            x += positions
        else:
            x = self.interpolate(x, c, hidden, mask_token, positions, side)
        x = self._decode(x, c, tokens, grid)
        return self.to_map(x, c, grid)

    def _encode(self, x: Array, c: Array, kept: Array | None, grid: tuple[int, int]) -> Array:
        a = self.architecture
        count = a.depth - a.decoder
        if not a.long_skips:
            for number in range(count):
                x = self._block(grid, f"blocks_{number}")(x, c, kept)
            return x
        half = count // 2
        outputs = []
        for number in range(half):
            x = self._block(grid, f"en_inblocks_{number}")(x, c, kept)
            outputs.append(x)
        for number in range(half):
            skip = skip_factor(a.skips, number, half, a.kappa) * outputs.pop()
            x = self._block(grid, f"en_outblocks_{number}", True)(x, c, kept, skip)
        return x

    def _decode(self, x: Array, c: Array, tokens: Array, grid: tuple[int, int]) -> Array:
        a = self.architecture
        for number in range(a.decoder):
            if a.long_skips:
                x = self._block(grid, f"de_blocks_{number}", True)(x, c, None, tokens)
            else:
                name = f"blocks_{a.depth - a.decoder + number}"
                x = self._block(grid, name)(x, c)
        return x

    def interpolate(
        self,
        x: Array,
        c: Array,
        hidden: Hidden,
        mask_token: Array,
        positions: Array,
        side: AdaLnBlock,
    ) -> Array:
        """Kept tokens [B, n, C] in their places, and what the side block guesses in the others."""
        batch, kept, channels = x.shape
        tokens = hidden.order.shape[1]
        shape = (batch, tokens - kept, channels)
        shuffled = jnp.concatenate([x, jnp.broadcast_to(mask_token, shape)], 1)
        restore = jnp.argsort(hidden.order, 1)
        x = jnp.take_along_axis(shuffled, restore[..., None], 1) + positions
        is_hidden = (restore >= kept)[..., None]
        return jnp.where(is_hidden, side(x, c), x)

    def _positions(self, name: str, grid: tuple[int, int]) -> Array:
        """[1, N, C], learned from the fixed table on."""

        def table(key: Array) -> Array:
            return jnp.asarray(grid_table(grid, self.architecture.width), jnp.float32)[None]

        return self.param(name, table)

    def _block(self, grid: tuple[int, int], name: str, takes_skip: bool = False) -> AdaLnBlock:
        a = self.architecture
        make_block = maybe_remat(AdaLnBlock, a.remat)
        return make_block(a.heads, a.hidden, grid, takes_skip, name=name)


@register_family(MDT, "MDT v2, DiT that learns with masks; long skips", input_shape=LATENT)
def mdtv2() -> dict[str, MDTArchitecture]:
    """mdtv2_s_2: size S, patches of 2x2. S and B are published with 6 and 4 decoder blocks."""
    found = {}
    for size, depth, width, heads in SIZES:
        for patch in (2, 4):
            decoder = 6 if size == "s" else 4
            architecture = MDTArchitecture(width, heads, depth, patch, decoder=decoder)
            found[f"mdtv2_{size}_{patch}"] = architecture
    return found


@register_family(MDT, "MDT v1, DiT that learns with masks", input_shape=LATENT)
def mdt() -> dict[str, MDTArchitecture]:
    """Two decoder blocks, no long skips."""
    found = {}
    for size, depth, width, heads in SIZES:
        architecture = MDTArchitecture(width, heads, depth, decoder=2, long_skips=False)
        found[f"mdt_{size}_2"] = architecture
    return found
