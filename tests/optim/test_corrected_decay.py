import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.errors import UserError
from effjax.optim import corrected_decay, create

P = jnp.array([2.0, -3.0])


@pytest.mark.parametrize("named", [False, True])
def test_the_decay_falls_with_the_square_of_the_rate(named):
    rates = [0.0, 0.1, 0.2, 0.1, 0.05]

    def rate(count):
        return jnp.asarray(rates)[count]

    tx = corrected_decay(optax.sgd(rate), rate, weight_decay=0.5)
    if named:
        tx = create("corrected_decay", rate, inner="sgd", weight_decay=0.5)
    state = tx.init(P)
    for t, lr in enumerate(rates):
        updates, state = tx.update(jnp.zeros(2), state, P)
        peak = max(rates[: t + 1])
        share = lr / peak if peak else 0.0
        np.testing.assert_allclose(updates, -lr * share * 0.5 * P, rtol=1e-6)


def test_factors_around_one_number_of_all_leaves_are_refused():
    params = {"a": P, "b": P}
    factors = {"a": 1.0, "b": 0.5}
    with pytest.raises(UserError, match="'corrected_decay' around 'dog'"):
        create("corrected_decay", 1.0, inner="dog", lr_scale=factors).init(params)
    frozen = {"a": 1.0, "b": 0.0}
    tx = create("corrected_decay", 1.0, inner="dog", lr_scale=frozen)
    updates, _ = tx.update(params, tx.init(params), params)
    np.testing.assert_array_equal(updates["b"], 0.0)
