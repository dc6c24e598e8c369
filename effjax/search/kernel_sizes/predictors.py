"""The two auxiliary networks: one says how large the kernels are, one says what is in them.

Shapes: L sites, S sizes (at least one a site), I J taps of a site's largest window, C channels.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.models.blocks.layers import Linear
from effjax.models.blocks.norms import LayerNorm
from effjax.search.kernel_sizes.sites import Site

TOKEN = 64  # width of a site's token
SMALLEST = 1


def orthogonal_tokens(
    count: int,
    width: int = TOKEN,
) -> np.ndarray:
    """[count, width]: fixed rows of norm 1, orthogonal while there are at most `width`."""
    rng = np.random.default_rng(0)
    blocks = math.ceil(count / width)
    draws = rng.normal(size=(blocks, width, width))
    bases, _ = np.linalg.qr(draws)  # [blocks, width, width]
    return bases.reshape(-1, width)[:count].astype(np.float32)


def to_sizes(
    logits: jax.Array,
    largest: Sequence[int],
    start: float,
) -> jax.Array:
    """v = 1 + (K - 1) sigmoid(logit + base): real-valued sizes [S]; a logit of 0 gives `start`."""
    base = math.log(start / (1 - start))  # the logit of `start`
    span = jnp.asarray(largest, jnp.float32) - SMALLEST
    share = jax.nn.sigmoid(logits + base)
    return SMALLEST + span * share


class SizePredictor(nn.Module):
    """Logits of all sizes at once: fixed tokens, a bidirectional GRU over them, a head a size.

    As the size and width predictors of the EffConv authors: the tokens are orthogonal and not
    learned, the heads are weight-normalised and have no bias. Ours: a head is the difference of two
    that start equal, so that all sizes start alike, whatever is drawn.

    Attributes:
      site_of: for each size its site.
      conditional: whether the wanted budget is an input.
      width: of the GRU, per direction.
    """

    site_of: tuple[int, ...]
    conditional: bool = False
    width: int = 128

    @nn.compact
    def __call__(self, budget: jax.Array) -> jax.Array:
        """Logits [S], see `to_sizes`, for log(budget / cost at the largest sizes), a scalar."""
        sites = max(self.site_of) + 1
        tokens = jnp.asarray(orthogonal_tokens(sites))  # [L, TOKEN]
        if self.conditional:
            init = nn.initializers.normal(1.0)
            embedding = Linear(TOKEN, kernel_init=init, name="budget")
            # tokens have norm 1, so the embedding is scaled to about the same
            tokens += embedding(budget.reshape(1, 1)) * TOKEN**-0.5
        forward = nn.RNN(nn.GRUCell(self.width), name="ahead")
        backward = nn.RNN(nn.GRUCell(self.width), name="back")
        ahead = forward(tokens)  # [L, W]
        back = backward(tokens[::-1])[::-1]
        hidden = jnp.concatenate([ahead, back], -1)  # [L, 2W]
        hidden = LayerNorm(name="norm")(hidden)
        hidden = jax.nn.relu(hidden)

        # weight-normalised heads without bias: direction and gain are learned apart
        count = len(self.site_of)
        heads = self.param("heads", _equal_pairs, (2, count, 2 * self.width))
        gains = self.param("gains", nn.initializers.ones, (count,))
        heads /= jnp.linalg.norm(heads, axis=-1, keepdims=True)
        difference = heads[0] - heads[1]  # [S, 2W], zeros at the start
        of_size = hidden[np.asarray(self.site_of)]  # [S, 2W]
        products = (difference * of_size).sum(-1)
        return gains * products


def _equal_pairs(
    key: jax.Array,
    shape: tuple[int, ...],
) -> jax.Array:
    """[2, ...]: twice the same normal draw."""
    draw = jax.random.normal(key, shape[1:])
    return jnp.broadcast_to(draw, shape)


class FreeSizes(nn.Module):
    """The ablation: the logit of every size is a parameter of its own."""

    count: int

    @nn.compact
    def __call__(self, budget: jax.Array) -> jax.Array:
        """Logits [S], whatever the budget."""
        return self.param("logits", nn.initializers.zeros, (self.count,))


class KernelPredictor(nn.Module):
    """Kernels as functions of position: an MLP over tap coordinates, given the site and its size.

    A tap's coordinates are divided by half the rounded size, so that a kernel that shrinks keeps
    its shape; the network is told the site (a learned embedding) and the size as a share of the
    largest. Every site has its own last layer, as sites differ in channels.

    Attributes:
      sites: whose kernels are predicted.
      frequencies: of the sines and cosines of each coordinate: 1, ..., F half periods.
      width: of the two hidden layers.
      scale: standard deviation of the kernels at the start, about.
    """

    sites: tuple[Site, ...]
    frequencies: int = 8
    width: int = 64
    embedding: int = 16
    scale: float = 0.02

    @nn.compact
    def __call__(self, sizes: Sequence[jax.Array]) -> list[jax.Array]:
        """Kernels [I, J, 1, C] of all sites, given their rounded sizes."""
        init = nn.initializers.normal(1.0)
        embeddings = self.param("sites", init, (len(self.sites), self.embedding))
        described = []
        for site, embedding, rounded in zip(self.sites, embeddings, sizes, strict=True):
            described.append(self._describe(site, embedding, rounded))

        init = nn.initializers.lecun_normal()
        # the taps of all sites together: one product is faster than one for each site
        hidden = jnp.concatenate(described)  # [taps, features]
        for name in ("fc1", "fc2"):
            hidden = Linear(self.width, kernel_init=init, name=name)(hidden)
            hidden = jax.nn.gelu(hidden)

        taps = [len(rows) for rows in described]
        parts = jnp.split(hidden, np.cumsum(taps)[:-1])
        # GELUs shrink the hidden values to a root mean square below 1/2: hence the factor of 2
        deviation = 2 * self.scale * self.width**-0.5
        last = nn.initializers.normal(deviation)
        kernels = []
        for n, (site, part) in enumerate(zip(self.sites, parts)):
            values = Linear(site.channels, kernel_init=last, name=f"kernels_{n}")(part)
            rows, columns = site.sides(site.largest)
            kernels.append(values.reshape(rows, columns, 1, site.channels))
        return kernels

    def _describe(
        self,
        site: Site,
        embedding: jax.Array,
        rounded: jax.Array,
    ) -> jax.Array:
        """[I * J, features] of the taps of a site."""
        rows, columns = site.sides(site.largest)
        high, wide = site.sides(list(rounded))
        down = self._waves(_positions(rows, high))  # [I, 2F]
        across = self._waves(_positions(columns, wide))  # [J, 2F]
        share = jnp.stack([high / rows, wide / columns])
        of_site = jnp.concatenate([embedding, share.astype(jnp.float32)])
        grid = (rows, columns)
        features = [
            jnp.broadcast_to(down[:, None], (*grid, 2 * self.frequencies)),
            jnp.broadcast_to(across[None], (*grid, 2 * self.frequencies)),
            jnp.broadcast_to(of_site, (*grid, self.embedding + 2)),
        ]
        return jnp.concatenate(features, -1).reshape(rows * columns, -1)

    def _waves(self, positions: jax.Array) -> jax.Array:
        """[n] -> [n, 2 F]: sin and cos of 1, ..., F half periods over [-1, 1]."""
        frequencies = jnp.pi / 2 * jnp.arange(1, self.frequencies + 1)
        angles = positions[:, None] * frequencies[None]  # [n, F]
        waves = [jnp.sin(angles), jnp.cos(angles)]
        return jnp.concatenate(waves, -1)


def _positions(
    taps: int,
    size: Any,
) -> jax.Array:
    """[taps]: distances from the middle, in halves of `size`."""
    from_middle = jnp.arange(taps) - taps // 2
    return from_middle.astype(jnp.float32) * 2 / size


def assemble(
    sites: Sequence[Site],
    kernels: Sequence[Any],
    sizes: Sequence[jax.Array],
    mask: Any,
) -> list[jax.Array]:
    """The masked kernels m(v) * w of every site, [I, J, 1, C]."""
    masked = []
    for site, kernel, size in zip(sites, kernels, sizes, strict=True):
        window = site.mask(mask, size)
        masked.append(window[:, :, None, None] * kernel)
    return masked
