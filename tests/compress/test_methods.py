"""Methods that choose masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.masks import density, prunable
from effjax.compress.methods import METHODS, Problem, Wanted, make_masks
from effjax.errors import UserError

FIELDS = {"depths": (1,), "dims": (4,), "strides": (2,), "remat": (False,), "block": "basic",
          "stem_kernel": 3, "stem_stride": 1, "stem_pool": False}  # fmt: skip
# PHEW takes layers in a chain, which a shortcut is not
CHEAP = {"magnitude", "random", "snip"}
NAMES = [
    pytest.param(n, marks=[] if n in CHEAP else pytest.mark.slow)
    for n in sorted(set(METHODS.entries) - {"phew"})
]


@pytest.fixture(scope="module")
def problem():
    model = models.create_model("resnet50", num_classes=3, **FIELDS)
    variables = jax.jit(model.init)(jax.random.key(0), jnp.ones((1, 4, 4, 3)))
    images = jax.random.normal(jax.random.key(1), (6, 4, 4, 3))
    return Problem(
        model=model,
        variables=variables,
        weights=prunable(variables["params"], keep="fc"),
        image_shape=(4, 4, 3),
        batches=lambda: [(images, jnp.arange(6) % 3)],
    )


@pytest.mark.parametrize("name", NAMES)
def test_masks_have_the_density(name, problem):
    masks = make_masks(name, problem, Wanted(0.4, rounds=2))
    assert masks.keys() == problem.weights.keys()
    assert density(masks) == pytest.approx(0.4, abs=0.05)
    for path, mask in masks.items():
        assert mask.dtype == np.int8
        assert mask.shape == problem.weights[path].shape


def test_an_unknown_method_is_refused(problem):
    with pytest.raises(UserError, match="did you mean 'snip'"):
        make_masks("snipp", problem, Wanted(0.5))


def test_the_flow_of_synflow_is_finite_in_a_network_of_squares():
    """StarReLU squares: block after block the flow would leave what a float holds."""
    stage = {"mixers": ("separable_conv", "attention(head_dim=4)"), "kernel_sizes": (3, 3)}
    stage |= {"patch_kernels": (3, 3), "patch_strides": (2, 2), "patch_pads": (1, 1)}
    stage |= {"layer_scale": (None, None), "residual_scale": (None, 1.0), "remat": (False, False)}
    stage |= {"depths": (3, 3), "dims": (8, 8), "drop_path_rate": 0.0}
    model = models.create_model("caformer_s18", num_classes=3, **stage)
    variables = jax.jit(model.init)(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
    whole = Problem(
        model=model,
        variables=variables,
        weights=prunable(variables["params"]),
        image_shape=(8, 8, 3),
        batches=list,
    )
    masks = make_masks("synflow", whole, Wanted(0.3, rounds=3))
    assert density(masks) == pytest.approx(0.3, abs=0.01)
    # no layer is emptied: what has one weight left carries all the flow
    assert all(mask.any() for path, mask in masks.items() if not path.startswith("stages"))
