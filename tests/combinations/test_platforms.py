"""A network traced for a TPU computes what it computes elsewhere, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.ops import traced_for

SMALL = {"dims": (8, 16, 16, 32), "depths": (1, 1, 1, 1)}
NETWORKS = {
    # windows and attention, StarReLU, residual scales
    "caformer_s18": SMALL,
    # a norm over the whole map, layer scale
    "poolformer_s12": SMALL,
    # tokens
    "vit_tiny_patch16_224": {"depth": 2, "width": 32, "heads": 2, "image_size": 32},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_forms_for_tpus_change_no_value(name):
    model = effjax.create_model(name, 5, drop_path_rate=0.2, **NETWORKS[name])
    side = 32 if name.startswith("vit") else 64
    images = jax.random.normal(jax.random.key(0), (2, side, side, 3))
    variables = jax.jit(model.init)(jax.random.key(1), images)

    def traced(platform):
        def loss(params):
            rngs = {"dropout": jax.random.key(2)}
            rest = {k: v for k, v in variables.items() if k != "params"}
            logits = model.apply({"params": params, **rest}, images, train=True, rngs=rngs)
            return jnp.sin(logits).sum(), logits

        with traced_for(platform):
            return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

    (grads, logits), (wanted, expected) = traced("tpu"), traced("cpu")
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    for found, want in zip(jax.tree.leaves(grads), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(found, want, atol=1e-4 * max(1.0, float(jnp.abs(want).max())))
