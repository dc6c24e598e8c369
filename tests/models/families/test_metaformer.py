from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.models import create_model
from effjax.models.registry import abstract_variables
from effjax.ops import traced_for
from tests.models.model_parity import images, random_variables

TINY = {"depths": (1, 2, 1, 1), "dims": (16, 24, 32, 64), "patch_kernels": 3, "patch_pads": 1}
TINY |= {"patch_strides": 2, "kernel_sizes": 3, "drop_path_rate": 0.5}
FAMILIES = ("poolformer_s12", "poolformerv2_s12", "identityformer_s12", "randformer_s12")
FAMILIES += ("convformer_s18", "caformer_s18")
ONE = {"depths": 1, "mixers": "identity"}  # compiles fast
KEY = jax.random.key(0)
IMAGES = images((4, 32, 32, 3))


def build(name, **fields):
    model = create_model(name, num_classes=10, **TINY | fields)
    return model, random_variables(model, (32, 32, 3))


@pytest.mark.parametrize("name", FAMILIES)
def test_shapes(name):
    model, variables = build(name)
    features = jax.eval_shape(partial(model.apply, method="features"), variables, IMAGES)
    assert {key: value.shape for key, value in features.items()} == {
        "stage1": (4, 16, 16, 16),
        "stage2": (4, 8, 8, 24),
        "stage3": (4, 4, 4, 32),
        "stage4": (4, 2, 2, 64),
        "pooled": (4, 64),
        "prelogits": (4, 64),
    }
    assert jax.eval_shape(model.apply, variables, IMAGES).shape == (4, 10)
    assert jax.eval_shape(model.clone(num_classes=0).apply, variables, IMAGES).shape == (4, 64)


def test_draws_belong_to_examples():
    model, variables = build("convformer_s18", **ONE, head_dropout=0.5)

    @jax.jit
    def logits(images, examples):
        rngs = {"dropout": KEY}
        return model.apply(variables, images, train=True, examples=examples, rngs=rngs)

    same = jnp.broadcast_to(IMAGES[:1], IMAGES.shape)
    whole = logits(same, None)
    assert not np.allclose(whole[0], whole[1])
    order = jnp.array([2, 0, 3, 1])
    np.testing.assert_allclose(logits(same, order), whole[order], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_remat_changes_no_gradient():
    plain, variables = build("poolformerv2_s12", **ONE)
    saving = build("poolformerv2_s12", **ONE, remat=(True, False, False, True))[0]

    def gradient(model):
        def loss(params):
            rngs = {"dropout": KEY}
            return jnp.square(model.apply({"params": params}, IMAGES, True, rngs=rngs)).mean()

        return jax.jit(jax.grad(loss))(variables["params"])

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        gradient(plain),
        gradient(saving),
    )


def test_bfloat16_computes_low_and_answers_in_float32():
    model, variables = build("caformer_s18", depths=1)
    low = model.clone(dtype=jnp.bfloat16)
    features = jax.eval_shape(partial(low.apply, method="features"), variables, IMAGES)
    assert features["stage4"].dtype == jnp.bfloat16
    logits = jax.jit(low.apply)(variables, IMAGES)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, jax.jit(model.apply)(variables, IMAGES), atol=0.05)


def test_param_dtype():
    model, _ = build("caformer_s18", **ONE)
    shapes = abstract_variables(model.clone(param_dtype=jnp.bfloat16))
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("bfloat16")}


def test_any_size_that_is_not_square_too():
    model, variables = build("caformer_s18")
    assert jax.eval_shape(model.apply, variables, IMAGES[:, :17]).shape == (4, 10)


@pytest.mark.parametrize("mixer", ["pooling", "identity", "separable_conv"])
def test_layer_scales_have_the_same_gradients_on_a_tpu(mixer):
    """There they multiply kernels, or what enters a pooling."""
    fields = ONE | {"mixers": mixer, "layer_scale": 0.5, "drop_path_rate": 0.0, "depths": 1}
    model, variables = build("poolformer_s12", **fields)

    def gradients(platform):
        def loss(variables):
            return jnp.sin(model.apply(variables, IMAGES[:2], train=True)).sum()

        with traced_for(platform):
            return jax.jit(jax.grad(loss))(variables)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4),
        gradients("tpu"),
        gradients("cpu"),
    )


@pytest.mark.parametrize("side", [32, 192])
def test_images_side_by_side_have_the_values_and_gradients_of_each(side):
    """On a TPU the first stage of a PoolFormer takes two images at once, in 64 channels each.

    With maps as large as 48 x 48 a norm is a part of the kernels that follow.
    """
    fields = {"dims": (64, 8, 8, 8), "depths": (2, 1, 1, 1), "drop_path_rate": 0.3}
    fields["mlp_ratio"] = 1.0
    model = create_model("poolformer_s12", 3, layer_scale=(0.5,) * 4, **fields)
    batch = jax.random.normal(jax.random.key(3), (16, side, side, 3))
    variables = jax.jit(model.init)(jax.random.key(4), batch)

    def gradients(platform):
        def loss(variables):
            rngs = {"dropout": jax.random.key(5)}
            logits, features = model.apply(
                variables, batch, train=True, rngs=rngs, method="logits_and_features"
            )
            return jnp.sin(logits).sum() + jnp.sin(features["stage1"]).mean(), features["stage1"]

        with traced_for(platform, devices=1):
            program = jax.jit(jax.grad(loss, has_aux=True))
            return program(variables), program.lower(variables).as_text()

    (found, stage), text = gradients("tpu")
    (wanted, expected), plain = gradients("cpu")
    together = f"8x{side // 4}x{side // 4}x128x"
    assert together in text
    assert together not in plain
    np.testing.assert_allclose(stage, expected, atol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4), found, wanted)
