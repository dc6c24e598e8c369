"""Which parameters are matrices, and what makes one orthogonal."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim.matrices import orthogonalized, shape_scale

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
MATRICES = {"patch_embed/kernel", "stages_0/fc1/kernel", "stem/kernel"}


@pytest.mark.parametrize("name", ["muon", "normuon", "adamuon", "soap_muon"])
def test_kernels_inside_the_network_are_matrices(name):
    labels = optim.parameter_split(name, PARAMS)
    named = dict(zip(optim.parameter_paths(PARAMS), jax.tree.leaves(labels), strict=True))
    assert {path for path, label in named.items() if label == "matrix"} == MATRICES
    assert optim.parameter_split("adan", PARAMS) is None


@pytest.mark.parametrize("blank", [("stem",), ("head", "stages_0")])
def test_blanks_of_other_groups_stay_blanks(blank):
    picked = {name: optax.MaskedNode() if name in blank else p for name, p in PARAMS.items()}
    state = jax.eval_shape(optim.create("muon", 0.1).init, picked)
    assert jax.tree.leaves(state)


def turned(x, dtype=None):
    """What is orthogonal, between the singular vectors of x, and the singular values of x."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return u.T @ np.asarray(orthogonalized(jnp.asarray(x), 5, dtype)) @ vt.T, s


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_the_polynomial_serves_each_singular_value_by_itself(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found, s = turned(x)
    values = s / np.linalg.norm(x)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    np.testing.assert_allclose(found, np.diag(values), atol=1e-4)


def test_products_in_bfloat16_are_nearly_orthogonal():
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    found, _ = turned(x, "bfloat16")
    values = np.diag(found)
    assert np.abs(found - np.diag(values)).max() < 0.1
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert found.dtype == np.float32


def test_no_gradient_is_no_step():
    np.testing.assert_array_equal(orthogonalized(jnp.zeros((3, 2))), 0.0)


def test_scales_of_a_shape():
    assert shape_scale(4, 16, "spectral") == 2.0
    assert shape_scale(16, 4, "spectral") == 1.0
    assert shape_scale(16, 25, "rms") == pytest.approx(1.0)


WRAPPERS = ("lookahead", "slrla", "cautious", "cautious_decay", "corrected_decay", "hyperball")


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_go_around_methods_for_matrices(wrapper):
    """With decay, factors of the rate and clipping, and with a state that no update changes."""
    params = {"mlp": PARAMS["stages_0"]["fc1"], "bias": PARAMS["stem"]["bias"]}
    factors = {"mlp": {"kernel": 0.5}, "bias": 1.0}
    settings = {"penalty": 0.01} if wrapper == "slrla" else {}
    for inner in ("muon", "normuon", "shampoo", "soap", "kl_soap", "soap_muon"):
        tx = optim.create(
            wrapper,
            0.1,
            inner=inner,
            weight_decay=0.1,
            clip_norm=1.0,
            lr_scale=factors,
            **settings,
        )
        state = jax.eval_shape(tx.init, params)
        updates, after = jax.eval_shape(tx.update, params, state, params)
        assert after == state
        assert jax.tree.map(lambda u: u.shape, updates) == jax.tree.map(lambda p: p.shape, params)
