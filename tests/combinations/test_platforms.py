"""A network traced for a TPU computes what it computes elsewhere, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

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


@pytest.mark.slow
def test_images_side_by_side_stay_on_their_devices():
    devices, batch = 4, 64  # two runs of eight images on each device, which lie side by side
    mesh = jax.make_mesh((devices,), ("batch",))
    divided = NamedSharding(mesh, PartitionSpec("batch"))
    everywhere = NamedSharding(mesh, PartitionSpec())
    # large layer scales: the blocks' gradients are not lost beside the skips
    fields = {"dims": (64, 16, 16, 16), "depths": (1, 1, 1, 1), "layer_scale": (1.0,) * 4}
    model = effjax.create_model("poolformer_s12", 5, **fields)
    images = jax.random.normal(jax.random.key(0), (batch, 32, 32, 3))
    variables = jax.jit(model.init)(jax.random.key(1), images[:1])

    def loss(variables, images):
        rngs = {"dropout": jax.random.key(2)}
        return jnp.sin(model.apply(variables, images, train=True, rngs=rngs)).sum()

    def compiled(platform):
        with traced_for(platform, devices):
            gradient = jax.jit(jax.grad(loss), in_shardings=(everywhere, divided))
            return gradient.lower(variables, images).compile()

    ours, plain = compiled("tpu"), compiled("cpu")
    assert "f32[8,8,8,128]" in ours.as_text()  # of each device, after the stem
    assert "f32[8,8,8,128]" not in plain.as_text()
    for exchange in ("all-to-all", "all-gather", "collective-permute"):
        assert exchange not in ours.as_text()
    given = jax.device_put(variables, everywhere), jax.device_put(images, divided)
    gradients, expected = ours(*given), plain(*given)
    for found, want in zip(jax.tree.leaves(gradients), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(found, want, atol=1e-4 * max(1.0, float(jnp.abs(want).max())))
