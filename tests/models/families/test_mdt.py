import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError
from tests.parity.generative_check import check_recorded

TINY = {"width": 16, "heads": 2, "depth": 3, "decoder": 1, "patch_size": 2, "in_chans": 3}
TOKENS = 16


@pytest.fixture(scope="module")
def network():
    """(model, filled variables, inputs)."""
    model = models.create_model("mdtv2_s_2", 5, **TINY)
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    given = (x, jnp.asarray([3.0, 700.0]), jnp.asarray([0, 1]))
    leaves, tree = jax.tree.flatten(model.init(jax.random.key(0), *given))
    keys = jax.random.split(jax.random.key(2), len(leaves))
    filled = [0.1 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves)]
    return model, tree.unflatten(filled), given


def order(seed):
    return jnp.argsort(jax.random.uniform(jax.random.key(seed), (2, TOKENS)), 1)


@pytest.mark.slow
def test_recorded_values():
    check_recorded("mdtv1/")


@pytest.mark.slow
def test_published_sizes():
    check_recorded("published_sizes/MDT", "published_gmacs/MDT")


def test_hiding_nothing_changes_nothing(network):
    """A mask ratio of 0 in any order is the plain pass, with the side block off."""
    model, variables, given = network
    plain = model.apply(variables, *given)
    hidden = models.Hidden(order(3), TOKENS)
    np.testing.assert_allclose(model.apply(variables, *given, hidden), plain, atol=1e-5)


def test_the_order_of_kept_tokens_does_not_matter(network):
    model, variables, given = network
    first = order(3)
    kept = jnp.concatenate([first[:, 9::-1], first[:, 10:]], 1)
    outputs = [model.apply(variables, *given, models.Hidden(o, 10)) for o in (first, kept)]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
    assert not np.allclose(outputs[0], model.apply(variables, *given), atol=1e-3)


def test_skips_may_be_scaled(network):
    model, variables, given = network
    scaled = models.create_model("mdtv2_s_2", 5, skips="sqrt_half", **TINY)
    assert not np.allclose(scaled.apply(variables, *given), model.apply(variables, *given))


def test_an_encoder_that_would_lose_a_block_is_refused():
    with pytest.raises(UserError, match="the encoder has 5 blocks"):
        models.create_model("mdtv2_s_2", depth=7, decoder=2)
