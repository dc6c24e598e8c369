"""Which parameters Muon makes orthogonal."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim

SHAPES = {
    "stem": {"kernel": (7, 7, 3, 8), "bias": (8,)},
    "stages_0": {
        "depthwise": {"kernel": (3, 3, 1, 8)},
        "fc1": {"kernel": (8, 16)},
        "norm": {"scale": (8,)},
    },
    "pos_embed": (1, 4, 4, 8),
    "token": (1, 8),
    "patch_embed": {"kernel": (4, 4, 3, 8)},
    "head": {"fc": {"kernel": (8, 10), "bias": (10,)}},
}
PARAMS = jax.tree.map(
    lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
    SHAPES,
    is_leaf=lambda node: isinstance(node, tuple),
)
MUON = {"patch_embed/kernel", "stages_0/fc1/kernel", "stem/kernel"}


def test_kernels_inside_the_network_are_muons():
    labels = optim.parameter_split("muon", PARAMS)
    named = dict(zip(optim.parameter_paths(PARAMS), jax.tree.leaves(labels), strict=True))
    assert {path for path, label in named.items() if label == "muon"} == MUON
    assert optim.parameter_split("adan", PARAMS) is None


def test_a_kernel_is_folded_to_a_matrix():
    """The update of [I, J, C, O] is that of the matrix [I J C, O]."""
    kernel = jax.random.normal(jax.random.key(0), (3, 3, 4, 8))
    grad = jax.random.normal(jax.random.key(1), kernel.shape)
    tx = optim.create("muon", 0.1)

    def update(p, g):
        return tx.update({"kernel": g}, tx.init({"kernel": p}), {"kernel": p})[0]["kernel"]

    folded = update(kernel.reshape(-1, 8), grad.reshape(-1, 8))
    np.testing.assert_allclose(update(kernel, grad), folded.reshape(kernel.shape), atol=1e-6)
    singular = jnp.linalg.svd(folded, compute_uv=False)
    assert float(singular.max() / singular.min()) < 2  # as far as five iterations go


def test_the_head_is_adams():
    params = {"head": {"kernel": jnp.ones((4, 3))}}
    grads = {"head": {"kernel": jnp.full((4, 3), 0.5)}}
    tx, adam = optim.create("muon", 0.1), optax.adam(0.1, nesterov=True)
    updates, _ = tx.update(grads, tx.init(params), params)
    expected, _ = adam.update(grads, adam.init(params), params)
    np.testing.assert_allclose(updates["head"]["kernel"], expected["head"]["kernel"], rtol=1e-5)


@pytest.mark.parametrize("blank", [("stem",), ("head", "stages_0")])
def test_blanks_of_other_groups_stay_blanks(blank):
    picked = {name: optax.MaskedNode() if name in blank else p for name, p in PARAMS.items()}
    state = jax.eval_shape(optim.create("muon", 0.1).init, picked)
    assert jax.tree.leaves(state)
