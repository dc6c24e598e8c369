"""Scanned blocks: the same variables, results, gradients and random draws as unrolled ones."""

import jax
import numpy as np
import pytest

from effjax.models import create_model, save_weights
from tests.models.model_parity import random_variables

FIELDS = {
    "depths": (1, 3, 5, 2),
    "dims": (8, 8, 32, 32),
    "mixers": ("pooling", "separable_conv", ("attention",) * 3 + ("pooling",) * 2, "attention"),
    "patch_strides": (2, 2, 1, 1),
    "drop_path_rate": 0.5,
}


def pair(**fields):
    return [create_model("caformer_s18", 5, **FIELDS | fields, scan=scan) for scan in (False, True)]


@pytest.mark.slow
@pytest.mark.parametrize("remat", [False, True])
def test_nothing_is_seen_of_it(remat, tmp_path):
    plain, scanned = pair(remat=remat)
    images = np.random.default_rng(0).standard_normal((4, 16, 16, 3)).astype(np.float32)
    shapes = [
        jax.tree.map(lambda leaf: leaf.shape, jax.eval_shape(model.init, jax.random.key(0), images))
        for model in (plain, scanned)
    ]
    assert shapes[0] == shapes[1]
    variables = random_variables(plain, (16, 16, 3))

    def run(model, train):
        def loss(variables):
            rngs = {"dropout": jax.random.key(7)}
            examples = np.arange(8, 12, dtype=np.int32)
            logits = model.apply(variables, images, train=train, examples=examples, rngs=rngs)
            return (logits**2).mean(), logits

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)

    for train in (False, True):
        for one, other in zip(*(jax.tree.leaves(run(model, train)) for model in (plain, scanned))):
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)
    # the draws matter
    assert abs(run(plain, True)[0][0] - run(plain, False)[0][0]) > 1e-3
    save_weights(scanned, variables, tmp_path / "w.safetensors")


@pytest.mark.slow
def test_one_stage_in_training():
    """What the slow test sees of four stages, compiled without optimisation."""
    fields = {"depths": (3,), "dims": (32,), "mixers": ("attention",), "kernel_sizes": (3,)}
    fields |= {"patch_kernels": (3,), "patch_strides": (4,), "patch_pads": (1,)}
    fields |= {"layer_scale": (0.5,), "residual_scale": (1.0,), "remat": (True,)}
    plain, scanned = pair(**fields)
    images = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype(np.float32)
    variables = random_variables(plain, (8, 8, 3))

    def gradient(model):
        def loss(variables):
            rngs = {"dropout": jax.random.key(7)}
            return (model.apply(variables, images, train=True, rngs=rngs) ** 2).mean()

        lowered = jax.jit(jax.value_and_grad(loss)).lower(variables)
        return lowered.compile({"xla_backend_optimization_level": 0})(variables)

    for one, other in zip(*(jax.tree.leaves(gradient(model)) for model in (plain, scanned))):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)


def test_constants_and_single_blocks():
    fields = {"depths": (1, 2, 1, 3), "dims": (8, 8, 8, 8), "patch_strides": (2, 2, 1, 1)}
    plain, scanned = (create_model("randformer_s12", 5, **fields, scan=s) for s in (False, True))
    images = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype(np.float32)
    variables = plain.init(jax.random.key(0), images)
    np.testing.assert_allclose(
        jax.jit(plain.apply)(variables, images),
        jax.jit(scanned.apply)(variables, images),
        atol=1e-6,
    )
