import jax.numpy as jnp
import numpy as np

from effjax.optim import clip_by_norm

GRADS = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([4.0])}  # of norm 5


def clipped(max_norm, grads=GRADS, eps=0.0, **extra):
    tx = clip_by_norm(max_norm, eps)
    return tx.update(grads, tx.init(grads), **extra)[0]


def test_all_leaves_share_one_factor():
    np.testing.assert_allclose(clipped(1.0)["a"], [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clipped(1.0)["b"], [0.8], rtol=1e-6)
    np.testing.assert_array_equal(clipped(6.0)["b"], GRADS["b"])


def test_eps_joins_the_norm():
    np.testing.assert_allclose(clipped(1.0, eps=5.0)["b"], [0.4], rtol=1e-6)


def test_the_norm_of_more_leaves_can_be_given():
    np.testing.assert_allclose(clipped(1.0, gradient_norm=jnp.asarray(10.0))["b"], [0.4], rtol=1e-6)


def test_none_is_off_and_zero_gradients_stay_zero():
    np.testing.assert_array_equal(clipped(None)["a"], GRADS["a"])
    np.testing.assert_array_equal(clipped(1.0, {"a": jnp.zeros(2)})["a"], 0.0)


def test_low_precision_is_summed_in_float32():
    grads = {
        "a": jnp.full(4096, 1.0, jnp.bfloat16)
    }  # norm 64; in bfloat16 the sum would stop at 256
    g = clipped(32.0, grads)["a"]
    assert g.dtype == jnp.bfloat16
    np.testing.assert_array_equal(g, 0.5)
