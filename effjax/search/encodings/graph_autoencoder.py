"""arch2vec: a variational autoencoder of graphs, https://arxiv.org/abs/2006.06936.

    x <- ReLU(norm(MLP((1 + eps_l) x + A x)))      L times: a graph isomorphism network
    mu, s = W1 x, W2 x                             of each node; exp(s) is the deviation
    z = mu + exp(s) noise
    operations ~ sigmoid(W z), edges ~ sigmoid(z z')

The authors call s "logvar" and use it as the logarithm of the deviation, in the loss too. Both
heads have a sigmoid and a binary cross-entropy, the operations' too.

Shapes: B graphs, N nodes, O operations, Z latent numbers of a node.
"""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.layers import Linear
from effjax.models.blocks.norms import BatchNorm

LEAST_LOGARITHM = -100.0  # as torch's binary cross-entropy
DROPOUT = 0.3


class Decoded(NamedTuple):
    """What the autoencoder says of graphs.

    Attributes:
      mu, log_deviation: [B, N, Z].
      operations: probabilities [B, N, O].
      edges: probabilities [B, N, N].
    """

    mu: Array
    log_deviation: Array
    operations: Array
    edges: Array


class GraphAutoencoder(nn.Module):
    """`hops - 1` layers of width `hidden`, and `latent` numbers for each node."""

    operations: int
    hidden: int = 128
    latent: int = 16
    hops: int = 5

    @nn.compact
    def __call__(
        self,
        operations: Array,
        adjacency: Array,
        examples: Examples = None,
        noise: Array | None = None,
        keep: Array | None = None,
    ) -> Decoded:
        """Decodes what it has encoded.

        Args:
          operations: one-hot [B, N, O].
          adjacency: [B, N, N], symmetric.
          examples: int [B] in training, see `BatchNorm`.
          noise: standard normal [B, N, Z]; None: z is mu.
          keep: [B, N, Z], 0 drops a number of z, the others are divided by 1 - `DROPOUT`.
        """
        mu, log_deviation = self._encode(operations, adjacency, examples)
        z = mu
        if noise is not None:
            z = mu + jnp.exp(log_deviation) * noise
        if keep is not None:
            z = z * keep / (1 - DROPOUT)
        said = nn.sigmoid(Linear(self.operations, name="decoder_weight")(z))
        edges = nn.sigmoid(jnp.einsum("bnz,bmz->bnm", z, z))
        return Decoded(mu, log_deviation, said, edges)

    def _encode(self, x: Array, adjacency: Array, examples: Examples) -> tuple[Array, Array]:
        layers = self.hops - 1
        eps = self.param("eps", nn.initializers.zeros, (layers,))
        for layer in range(layers):
            x = (1 + eps[layer]) * x + adjacency @ x
            x = Linear(self.hidden, kernel_init=TORCH_INIT, name=f"mlps_{layer}_linears_0")(x)
            x = nn.relu(BatchNorm(name=f"mlps_{layer}_batch_norms_0")(x, examples))
            x = Linear(self.hidden, kernel_init=TORCH_INIT, name=f"mlps_{layer}_linears_1")(x)
            x = nn.relu(BatchNorm(name=f"batch_norms_{layer}")(x, examples))
        mu = Linear(self.latent, kernel_init=TORCH_INIT, name="fc1")(x)
        return mu, Linear(self.latent, kernel_init=TORCH_INIT, name="fc2")(x)


# a third of the variance of LeCun's: what torch's linear layers start from
TORCH_INIT = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def symmetric(adjacency: Array) -> Array:
    """[B, N, N] in both directions, from an upper triangle."""
    return adjacency + jnp.swapaxes(adjacency, -1, -2)


def loss(decoded: Decoded, operations: Array, adjacency: Array) -> Array:
    """Two binary cross-entropies and the divergence from the prior, as the authors weigh them.

    Args:
      operations: one-hot [B, N, O].
      adjacency: [B, N, N], symmetric; its upper triangle counts, zeros elsewhere too.
    """
    count, nodes = operations.shape[:2]
    of_operations = _binary_cross_entropy(decoded.operations, operations).mean()
    upper = jnp.triu(decoded.edges, 1)
    of_edges = _binary_cross_entropy(upper, jnp.triu(adjacency, 1)).mean()
    s = decoded.log_deviation
    terms = 1 + 2 * s - jnp.square(decoded.mu) - jnp.square(jnp.exp(s))
    divergence = -0.5 / (count * nodes) * terms.sum(-1).mean()
    return of_operations + of_edges + divergence


def _binary_cross_entropy(probabilities: Array, targets: Array) -> Array:
    return -(targets * _log(probabilities) + (1 - targets) * _log(1 - probabilities))


def _log(x: Array) -> Array:
    # the gradient of a logarithm that is cut is 0, not that of log 0
    positive = x > 0
    logarithm = jnp.log(jnp.where(positive, x, 1.0))
    return jnp.where(positive, jnp.maximum(logarithm, LEAST_LOGARITHM), LEAST_LOGARITHM)


def graph_code(mu: Array) -> Array:
    """The code of a graph [B, Z]: the mean over its nodes."""
    return mu.mean(1)


def accuracy(decoded: Decoded, operations: Array, adjacency: Array) -> dict[str, Array]:
    """The shares of operations, and of pairs of nodes, that are decoded rightly."""
    right = decoded.operations.argmax(-1) == operations.argmax(-1)
    pairs = jnp.triu(jnp.ones(adjacency.shape[-2:]), 1) > 0
    same = (decoded.edges > 0.5) == (adjacency > 0.5)
    edges = jnp.where(pairs, same, 0).sum() / (pairs.sum() * len(adjacency))
    return {"operations": right.mean(), "edges": edges}
