"""Scores of the Jacobian: correlation between images, and the condition of the tangent kernel.

Shapes: B images, D pixels of an image, P parameters.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.tree_util import tree_map_with_path

from effjax.search.proxies.network import Apply, Batch, Variables
from effjax.search.proxies.weights import KERNEL, SCALE, fill_in

SMALL = 1e-5  # keeps the logarithm of an eigenvalue of 0 finite


def jacob_cov(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> Array:
    """How little the gradients to different images are correlated.

    -sum of ln(e + k) + 1 / (e + k) over the eigenvalues e of the correlation [B, B] of the rows,
    row i the gradient of the summed logits to image i; k = 1e-5. Rows of several micro-batches are
    put together. Mellor et al., https://arxiv.org/abs/2006.04647v1.
    """

    def summed(images: Array) -> Array:
        return apply(variables, images, train).logits.sum()

    rows = []
    for batch in batches:
        grads = jax.grad(summed)(batch.images)
        rows.append(grads.reshape(len(grads), -1))  # [B, D]
    correlation = jnp.corrcoef(jnp.concatenate(rows))
    shifted = jnp.linalg.eigvalsh(correlation) + SMALL
    return -(jnp.log(shifted) + 1 / shifted).sum()


def ntk_condition(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> Array:
    """Largest over smallest eigenvalue of the neural tangent kernel; small is good.

    The kernel is G G^T, row i of G the gradient of the sum of image i's logits to all weights:
    kernels and scales of norms, no biases. Chen et al., https://arxiv.org/abs/2102.11535.
    """
    params = variables["params"]
    weights = tree_map_with_path(
        lambda path, leaf: leaf if path[-1].key in (KERNEL, SCALE) else None, params
    )
    flat, unravel = ravel_pytree(weights)

    def rows_of(batch: Batch) -> Array:
        def sums(flat: Array) -> Array:
            moved = fill_in(params, unravel(flat))
            logits = apply({**variables, "params": moved}, batch.images, train).logits
            return logits.sum(-1)  # [B]

        found, pull_back = jax.vjp(sums, flat)
        # one image after another: not every operation takes several gradients at once
        return jax.lax.map(
            lambda image: pull_back(image)[0], jnp.eye(len(found), dtype=found.dtype)
        )

    rows = [rows_of(batch) for batch in batches]  # [B, P] each
    whole = jnp.concatenate(rows)
    eigenvalues = jnp.linalg.eigvalsh(whole @ whole.T)
    return eigenvalues[-1] / eigenvalues[0]
