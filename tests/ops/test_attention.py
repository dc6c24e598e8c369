from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import attention, attention_reference, keep_products_only, traced_for
from effjax.ops.kept import save_only_kept


@pytest.mark.parametrize("backend", ["tpu", "cpu"])
@pytest.mark.parametrize("biased", [False, True])
def test_each_form_has_the_values_and_gradients_of_the_reference(backend, biased):
    q, k, v = jax.random.normal(jax.random.key(0), (3, 2, 5, 6))  # [B, N, A * D], A = 2, D = 3
    bias = jax.random.normal(jax.random.key(1), (1, 2, 5, 5)) if biased else None

    def both(form):
        def loss(q, k, v):
            return jnp.sin(form(q, k, v, 3, bias)).sum()

        return jax.value_and_grad(loss, (0, 1, 2))(q, k, v)

    with traced_for(backend):
        found = both(attention)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        found,
        both(attention_reference),
    )


def test_large_scores_do_not_overflow():
    q = jnp.full((1, 2, 3), 1e3)
    v = jax.random.normal(jax.random.key(0), (1, 2, 3))
    mean = v.mean(1, keepdims=True)
    np.testing.assert_allclose(attention(q, q, v, 3), jnp.broadcast_to(mean, v.shape), rtol=1e-6)


def test_scores_of_bfloat16_are_widened():
    q, k, v = jax.random.normal(jax.random.key(0), (3, 1, 64, 8))
    exact = attention_reference(q, k, v, 8)
    found = attention(*(x.astype(jnp.bfloat16) for x in (q, k, v)), 8)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), exact, atol=0.02)


def test_two_numbers_of_each_row_are_kept_of_the_softmax(capsys):
    q = np.ones((2, 5, 6), np.float32)

    @partial(jax.checkpoint, policy=save_only_kept)
    def block(q):
        return jnp.square(attention(q, q, q, 3)).sum()

    with keep_products_only():
        jax.ad_checkpoint.print_saved_residuals(block, q)
    lines = capsys.readouterr().out.splitlines()
    saved = sorted(line.split()[0] for line in lines if "argument" not in line)
    assert saved == ["f32[2,2,5,1]", "f32[2,2,5,1]", "f32[2,2,5,3]"]
