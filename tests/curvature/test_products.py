"""Products with Hessians and Gauss-Newton matrices, over chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature import products
from effjax.errors import UserError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 3)).astype(np.float32)
Y = RNG.standard_normal(7).astype(np.float32)
CHUNKS = [((X[:2], Y[:2]), 2.0), ((X[2:], Y[2:]), 5.0)]
PARAMS = {"b": jnp.zeros(1), "w": jnp.ones(3)}


def outputs(params, batch):
    return batch[0] @ params["w"] + params["b"]


def of_outputs(out, batch):
    return ((out - batch[1]) ** 2).mean() / 2


def squares(params, batch):
    return of_outputs(outputs(params, batch), batch)


def dense(operator):
    return np.stack([operator.product(row) for row in jnp.eye(operator.size)])


def design():
    return np.concatenate([np.ones((7, 1)), X], 1)  # the order of the names


@pytest.mark.parametrize(
    "operator",
    [
        products.hessian(squares, PARAMS, CHUNKS),
        products.gauss_newton(outputs, of_outputs, PARAMS, CHUNKS),
    ],
    ids=["hessian", "gauss_newton"],
)
def test_least_squares_exactly(operator):
    np.testing.assert_allclose(dense(operator), design().T @ design() / 7, atol=1e-6)


def test_a_block_has_its_own_rows_alone():
    within = products.block_of(PARAMS, lambda path: path == "w")
    assert within.tolist() == [False, True, True, True]
    found = dense(products.hessian(squares, PARAMS, CHUNKS, within))
    expected = design().T @ design() / 7 * np.outer(within, within)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gauss_newton_is_never_negative_where_the_hessian_is():
    def bent(params, batch):
        return jnp.sin(3 * outputs(params, batch))

    gn = dense(products.gauss_newton(bent, of_outputs, PARAMS, CHUNKS))
    whole = dense(products.hessian(lambda p, b: of_outputs(bent(p, b), b), PARAMS, CHUNKS))
    assert np.linalg.eigvalsh(whole).min() < -0.1
    assert np.linalg.eigvalsh(gn).min() > -1e-5


def test_mean_gradient_weighs_chunks():
    value, gradient = products.mean_gradient(squares, PARAMS, CHUNKS)
    together = jax.value_and_grad(squares)(PARAMS, (X, Y))
    assert value == pytest.approx(float(together[0]), rel=1e-6)
    np.testing.assert_allclose(gradient["w"], together[1]["w"], atol=1e-6)


def test_padding_weighs_nothing():
    padded = [*CHUNKS, ((X * np.nan, Y), 0.0)]
    assert products.mean_gradient(squares, PARAMS, padded)[0] > 0
    with pytest.raises(UserError, match="no valid examples"):
        products.mean_gradient(squares, PARAMS, padded[2:])


def test_bfloat16_is_raised():
    low = jax.tree.map(lambda w: w.astype(jnp.bfloat16), PARAMS)
    assert products.hessian(squares, low, CHUNKS).dtype == jnp.float32
