import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import attention, attention_reference, traced_for


@pytest.mark.parametrize("biased", [False, True])
def test_the_form_for_tpus_has_the_values_and_gradients_of_the_other(biased):
    q, k, v = jax.random.normal(jax.random.key(0), (3, 2, 5, 6))  # [B, N, A * D], A = 2, D = 3
    bias = jax.random.normal(jax.random.key(1), (1, 2, 5, 5)) if biased else None

    def both(form):
        def loss(q, k, v):
            return jnp.sin(form(q, k, v, 3, bias)).sum()

        return jax.value_and_grad(loss, (0, 1, 2))(q, k, v)

    with traced_for("tpu"):
        found = both(attention)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        found,
        both(attention_reference),
    )
