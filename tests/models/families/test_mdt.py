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
    leaves, tree = jax.tree.flatten(models.abstract_variables(model, (8, 8, 3)))
    rng = np.random.default_rng(0)
    filled = [0.1 * rng.standard_normal(leaf.shape).astype(np.float32) for leaf in leaves]
    return model, tree.unflatten(filled), given


def run(model, variables, given, hidden=None):
    """The output; compiled, with the number of kept tokens as a constant."""
    if hidden is None:
        return jax.jit(model.apply)(variables, *given)

    def masked(variables, order):
        return model.apply(variables, *given, models.Hidden(order, hidden.kept))

    return jax.jit(masked)(variables, hidden.order)


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
    plain = run(model, variables, given)
    hidden = models.Hidden(order(3), TOKENS)
    np.testing.assert_allclose(run(model, variables, given, hidden), plain, atol=1e-5)


def test_the_order_of_kept_tokens_does_not_matter(network):
    model, variables, given = network
    first = order(3)
    kept = jnp.concatenate([first[:, 9::-1], first[:, 10:]], 1)
    outputs = [run(model, variables, given, models.Hidden(o, 10)) for o in (first, kept)]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
    assert not np.allclose(outputs[0], run(model, variables, given), atol=1e-3)


def test_skips_may_be_scaled(network):
    model, variables, given = network
    scaled = models.create_model("mdtv2_s_2", 5, skips="sqrt_half", **TINY)
    assert not np.allclose(run(scaled, variables, given), run(model, variables, given))


def test_an_encoder_that_would_lose_a_block_is_refused():
    with pytest.raises(UserError, match="the encoder has 5 blocks"):
        models.create_model("mdtv2_s_2", depth=7, decoder=2)
