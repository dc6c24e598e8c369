import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError
from tests.parity.generative_check import check_recorded

TINY = {"width": 16, "heads": 2, "depth": 2, "patch_size": 4, "in_chans": 3}


def inputs(channels=3):
    keys = jax.random.split(jax.random.key(1))
    x = jax.random.normal(keys[0], (2, 8, 8, channels))
    return x, jnp.asarray([3.0, 700.0]), jnp.asarray([0, 1])


def test_recorded_values():
    check_recorded("dit/fixed_sigma")


@pytest.mark.parametrize("size", ["S/8", pytest.param("XL/2", marks=pytest.mark.slow)])
def test_published_sizes(size):
    check_recorded(f"published_sizes/DiT-{size}", f"published_gmacs/DiT-{size}")


def test_the_output_is_zero_at_the_start():
    model = models.create_model("dit_s_2", 5, **TINY)
    out, _ = jax.jit(lambda *given: model.init_with_output(jax.random.key(0), *given))(*inputs())
    assert out.shape == (2, 8, 8, 6)
    assert not out.any()


def test_equal_blocks_may_be_compiled_once():
    """Weights that differ by block: the scan and the loop give the same."""
    model = models.create_model("dit_s_2", 5, **TINY)
    leaves, tree = jax.tree.flatten(models.abstract_variables(model, (8, 8, 3)))
    rng = np.random.default_rng(0)
    filled = [0.1 * rng.standard_normal(leaf.shape).astype(np.float32) for leaf in leaves]
    variables = tree.unflatten(filled)
    once = models.create_model("dit_s_2", 5, scan=True, **TINY)
    plain = jax.jit(model.apply)(variables, *inputs())
    np.testing.assert_allclose(jax.jit(once.apply)(variables, *inputs()), plain, atol=1e-5)


def test_two_times_need_a_field():
    model = models.create_model("dit_s_2", 5, second_time=True, **TINY)
    shapes = models.abstract_variables(model, (8, 8, 3))
    assert "r_embedder" in shapes["params"]


def test_what_no_network_can_be_is_refused():
    with pytest.raises(UserError, match="no multiple of heads"):
        models.create_model("dit_s_2", width=384, heads=5)
    model = models.create_model("dit_s_2", 5, **TINY)
    with pytest.raises(UserError, match="do not divide into patches"):
        models.abstract_variables(model, (6, 6, 3))


def test_blocks_may_differ():
    fields = {"block_heads": (1, 2), "block_hidden": (4, 24)}
    model = models.create_model("dit_s_2", 5, **TINY, **fields)
    params = models.abstract_variables(model, (8, 8, 3))["params"]
    assert params["blocks_0"]["attn"]["qkv"]["kernel"].shape == (16, 24)
    assert params["blocks_0"]["attn"]["proj"]["kernel"].shape == (8, 16)
    assert params["blocks_1"]["mlp"]["fc1"]["kernel"].shape == (16, 24)
    same = models.create_model("dit_s_2", 5, **TINY, block_heads=(2, 2), block_hidden=(64, 64))
    plain = models.create_model("dit_s_2", 5, **TINY)
    variables = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.1), shapes_of(plain))
    np.testing.assert_array_equal(
        jax.jit(same.apply)(variables, *inputs()), jax.jit(plain.apply)(variables, *inputs())
    )
    with pytest.raises(UserError, match="expected a number for each of 2 blocks"):
        models.create_model("dit_s_2", 5, **TINY, block_heads=(1,))
    with pytest.raises(UserError, match="leave out scan or block_hidden"):
        models.create_model("dit_s_2", 5, **TINY, block_hidden=(4, 4), scan=True)


def shapes_of(model):
    return models.abstract_variables(model, (8, 8, 3))
