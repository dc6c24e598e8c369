"""Layers with fewer bits."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.quantised import (
    Bits,
    bits_of,
    in_float,
    quantise,
    round_input,
    round_kernel,
    stored,
)
from effjax.errors import UserError
from tests.compress.quantised import FAMILIES, small_network, without_limits

qwix = pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_kernel_lies_on_the_grid_of_each_output(bits):
    kernel = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    kernel[:, 0] *= 100
    found = np.asarray(round_kernel(jnp.asarray(kernel), bits))
    step = np.abs(kernel).max(0) / (2 ** (bits - 1) - 0.5)
    levels = found / step
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    assert np.abs(levels).max() <= 2 ** (bits - 1)
    assert (np.abs(found - kernel) <= 0.501 * step).all()


def test_inputs_beyond_their_limit_are_cut():
    x = jnp.array([0.0, 0.5, 1.0, 3.0, -3.0])
    found = np.asarray(round_input(x, jnp.array(1.0), 8))
    step = 1 / 127.5
    np.testing.assert_allclose(found, [0, 64 * step, 127 * step, 127 * step, -128 * step])


def test_gradients_go_straight_through():
    kernel = jnp.linspace(-1.0, 1.0, 6).reshape(3, 2)
    weights = jnp.arange(6.0).reshape(3, 2)
    gradient = jax.grad(lambda k: (round_kernel(k, 4) * weights).sum())(kernel)
    np.testing.assert_array_equal(gradient, weights)
    x = jnp.array([-2.0, 0.3, 2.0])
    gradient = jax.grad(lambda x: round_input(x, jnp.array(1.0), 8).sum())(x)
    assert gradient.tolist() == [0.0, 1.0, 0.0]


def test_an_input_that_is_always_zero_stays_zero():
    assert not np.asarray(round_input(jnp.zeros(3), jnp.zeros(()), 8)).any()


def test_the_network_is_nearly_the_same_with_8_bits_and_less_so_with_3(network):
    model, variables, images = network
    expected = jax.jit(in_float(model).apply)(without_limits(variables), images)
    at_8 = jax.jit(model.apply)(variables, images)
    at_3 = jax.jit(quantise(model, Bits(3, 8)).apply)(variables, images)
    scale = np.abs(expected).max()
    assert 0 < np.abs(at_8 - expected).max() < 0.05 * scale
    assert np.abs(at_3 - expected).max() > 2 * np.abs(at_8 - expected).max()


def test_nothing_is_rounded_with_32_bits(network):
    model, variables, images = network
    plain = jax.make_jaxpr(in_float(model).apply)(without_limits(variables), images)
    found = jax.make_jaxpr(quantise(model, Bits(32)).apply)(variables, images)
    assert len(found.eqns) == len(plain.eqns)


def test_stored_kernels_are_the_same_numbers(network):
    model, variables, images = network
    expected = jax.jit(lambda x: model.apply(variables, x))(images)
    found = jax.jit(lambda x: stored(model).apply(variables, x))
    np.testing.assert_allclose(found(images), expected, rtol=1e-5, atol=1e-6)
    assert "i8[" in str(jax.make_jaxpr(found)(images))


QUICK = ("caformer_s18", "vit_tiny_patch16_224")
SOME = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]


@pytest.mark.parametrize("name", SOME)
def test_every_kernel_of_every_family_is_rounded(name):
    """Counted in the program: no kernel enters a product as it is."""
    size, fields = FAMILIES[name]
    model = quantise(models.create_model(name, num_classes=3, **fields), Bits(8, 8))
    variables = models.abstract_variables(model, (size, size, 3))
    kernels = [
        path
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"])
        if path[-1].key == "kernel"
    ]
    assert len(jax.tree.leaves(variables["limits"])) == len(kernels) > 5
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    program = str(jax.make_jaxpr(lambda v, x: model.apply(v, x, train=False))(variables, images))
    # of each layer the kernel and the input become integers
    assert program.count("new_dtype=int8") >= 2 * len(kernels)


def test_rules_give_layers_their_own_bits():
    bits = Bits(4, 8, (("stem|head", 8), ("blocks_1", 32)))
    assert bits.of("stem/conv") == (8, 8)
    assert bits.of("stages_0/blocks_1/mlp/fc1") == (32, 32)
    assert bits.of("stages_0/blocks_0/mlp/fc1") == (4, 8)
    assert bits_of(quantise(models.create_model("resnet18"), bits)) == bits


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"weights": 1}, "weight_bits = 1: expected 2 to 8, or 32"),
        ({"activations": 16}, "activation_bits = 16"),
        ({"layers": (("a", 9),)}, "layer_bits of 'a' = 9"),
        ({"layers": (("(", 8),)}, "not a regular expression"),
    ],
)
def test_what_is_no_number_of_bits_is_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        Bits(**wrong)


def test_without_qwix_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "qwix", None)
    with pytest.raises(UserError, match=r"effjax\[quantise\]"):
        quantise(models.create_model("resnet18"), Bits())


def test_a_rule_that_no_layer_matches_is_refused():
    bits = Bits(layers=(("stem|head", 8), ("blocks_9", 4)))
    with pytest.raises(UserError, match="no layer matches 'blocks_9'"):
        bits.check_rules(["stem/conv", "blocks_0/mlp/fc1", "head/fc"])
    bits.check_rules(["stem/conv", "blocks_9/mlp/fc1"])
