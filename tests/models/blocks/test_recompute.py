"""Blocks that keep products only: the same values, fewer arrays, and a compiler that obeys."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import create_model
from effjax.models import compile_for_cpu
from effjax.ops import keep_products_only

IMAGES = np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32)
PICTURES = np.random.default_rng(1).standard_normal((2, 64, 64, 3), np.float32)
TINY = {"width": 8, "heads": 2, "depth": 2, "patch_size": 4}


@pytest.fixture(scope="module")
def loss():
    model = create_model("vit_tiny_patch16_224", 3, **TINY, drop_path_rate=0.5)
    variables = jax.jit(model.init)(jax.random.key(0), IMAGES)

    def loss(params):
        rngs = {"dropout": jax.random.key(1)}
        logits = model.apply({"params": params}, IMAGES, train=True, rngs=rngs)
        return jnp.square(logits).sum()

    return loss, variables["params"]


def test_values_gradients_and_random_draws_stay(loss):
    loss, params = loss
    plain = jax.jit(jax.value_and_grad(loss))(params)
    with keep_products_only():
        saving = jax.jit(jax.value_and_grad(loss))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), plain, saving)


def numbers_in(shapes):
    """Of all arrays of float32, as JAX writes them: f32[2,5,32]."""
    sides = [shape.removeprefix("f32[").rstrip("]") for shape in shapes if shape[:4] == "f32["]
    return sum(math.prod(int(side) for side in of_one.split(",") if side) for of_one in sides)


def test_hidden_activations_and_attention_weights_are_not_kept(loss, capsys):
    loss, params = loss

    def kept_shapes():
        jax.ad_checkpoint.print_saved_residuals(loss, params)
        lines = capsys.readouterr().out.splitlines()
        return [line.split()[0] for line in lines if "argument" not in line]

    plain = kept_shapes()
    with keep_products_only():
        saving = kept_shapes()
    weights = "f32[2,2,5,5]"  # batch, heads, tokens, tokens
    assert weights in plain
    assert weights not in saving
    # before the activation, in each of two blocks; the hidden width is four times 8
    assert saving.count("f32[2,5,32]") == 2
    assert numbers_in(saving) < 0.6 * numbers_in(plain)


@pytest.fixture(scope="module")
def stages():
    model = create_model("convformer_s18", 3, depths=1, dims=(8, 8, 16, 16), drop_path_rate=0.0)
    variables = jax.eval_shape(model.init, jax.random.key(0), PICTURES)

    def loss(params):
        rngs = {"dropout": jax.random.key(1)}
        return jnp.square(model.apply({"params": params}, PICTURES, train=True, rngs=rngs)).sum()

    return model, loss, variables["params"]


def test_norms_between_stages_are_not_kept(stages, capsys):
    _, loss, params = stages

    def kept_of_norms():
        jax.ad_checkpoint.print_saved_residuals(loss, params)
        lines = capsys.readouterr().out.splitlines()
        maps = [line for line in lines if line.split()[0].count(",") == 3]  # [B, H, W, C]
        # mean and variance have one channel
        return [line for line in maps if "LayerNorm" in line and ",1]" not in line.split()[0]]

    plain = len(kept_of_norms())
    with keep_products_only():
        # that of the stem, which the first block is given
        assert len(kept_of_norms()) == 1
    assert plain > 1


@pytest.mark.slow
def test_values_and_gradients_of_stages_stay(stages):
    model, loss, _ = stages
    params = jax.jit(model.init)(jax.random.key(0), PICTURES)["params"]
    plain = jax.jit(jax.value_and_grad(loss))(params)
    with keep_products_only():
        saving = jax.jit(jax.value_and_grad(loss))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), plain, saving)


def test_the_compiler_does_not_merge_what_is_computed_again():
    @jax.checkpoint
    def block(x, w):
        return jnp.sin(jnp.sin(x) @ w)

    def loss(x, w):
        for _ in range(6):
            x = block(x, w)
        return x.sum()

    x = np.ones((512, 64), np.float32)
    w = np.eye(64, dtype=np.float32)
    lowered = jax.jit(jax.grad(loss, 1)).lower(x, w)
    compiled = compile_for_cpu(lowered)
    # one map a block, and one or two at work; jaxlib 0.10.2 merges, which takes four more
    assert compiled.memory_analysis().temp_size_in_bytes < 9 * x.nbytes


@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16])
def test_rounding_to_the_same_type_is_dropped_of_float32_alone(dtype):
    def loss(x):
        y = jax.ad_checkpoint.checkpoint_name(jnp.sin(x), "kept")
        return jnp.sin(y).sum()

    policy = jax.checkpoint_policies.save_only_these_names("kept")
    both = jax.jit(jax.value_and_grad(jax.checkpoint(loss, policy=policy)))
    x = jnp.linspace(0, 1, 64, dtype=dtype)
    plain, ours = both.lower(x).compile(), compile_for_cpu(both.lower(x))
    assert "reduce-precision(" in plain.as_text()
    assert ("reduce-precision(" in ours.as_text()) == (dtype == jnp.bfloat16)
    jax.tree.map(np.testing.assert_array_equal, ours(x), plain(x))
