import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim import adamw_8bit
from effjax.optim.adamw_8bit import code_values, loaded, stored


def test_the_codes_are_those_of_the_paper():
    """Dynamic tree quantization: 256 values, of which the authors' program makes the same table."""
    signed, positive = code_values(True), code_values(False)
    assert signed.shape == positive.shape == (256,)
    assert (np.diff(signed) > 0).all()
    assert (np.diff(positive) > 0).all()
    assert signed[-1] == positive[-1] == 1.0
    assert 0.0 in signed
    assert positive[0] == 0.0
    # all but 0 and 1 come in pairs, the smallest one in the middle of 0.1 and 1 times 1e-6
    negative = np.sort(-signed[signed < 0])
    np.testing.assert_array_equal(negative, signed[(signed > 0) & (signed < 1)])
    np.testing.assert_allclose(negative[0], 0.55e-6, rtol=1e-6)
    # the largest binade has 64 fractions, twice as many without a sign
    assert ((signed > 0.1) & (signed < 1)).sum() == 64
    assert ((positive > 0.1) & (positive < 1)).sum() == 128


def test_numbers_are_the_nearest_codes_of_their_block():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((7, 9)) * 10.0 ** rng.integers(-4, 2, (7, 9)), jnp.float32)
    kept = stored(x, 16, signed=True)
    assert kept.codes.dtype == jnp.uint8
    assert kept.codes.shape == (4, 16)  # 63 numbers
    found = np.asarray(loaded(kept, x.shape, signed=True)).reshape(-1)
    for start in range(0, 63, 16):
        block = np.asarray(x).reshape(-1)[start : start + 16]
        largest = np.abs(block).max()
        near = np.abs(block[:, None] / largest - code_values(True)).argmin(1)
        expected = code_values(True)[near] * largest
        np.testing.assert_allclose(found[start : start + 16], expected, rtol=1e-6)
    nothing = stored(jnp.zeros(5), 4, signed=False)
    assert not loaded(nothing, (5,), signed=False).any()


BLOCK = 64


def as_stored(x, signed):
    """The nearest codes, block by block."""
    values = code_values(signed)
    blocks = np.pad(x.reshape(-1), (0, -x.size % BLOCK)).reshape(-1, BLOCK)
    largest = np.abs(blocks).max(1, keepdims=True)
    shares = (blocks / largest).astype(np.float32)
    near = np.abs(shares[..., None] - values).argmin(-1)
    return (values[near] * largest).reshape(-1)[: x.size].reshape(x.shape)


def test_the_update_is_adamws_with_moments_that_are_stored_coarsely():
    rng = np.random.default_rng(0)
    p = np.linspace(-1.0, 1.0, 600).reshape(20, 30)
    with jax.enable_x64():
        tx = adamw_8bit(0.05, weight_decay=0.1, block=BLOCK, smallest=600)
        params = jnp.asarray(p)
        state = tx.init(params)
        codes = [leaf for leaf in jax.tree.leaves(state) if leaf.dtype == jnp.uint8]
        assert [leaf.shape for leaf in codes] == [(10, BLOCK)] * 2
        m = v = 0.0
        for t in range(1, 5):
            g = rng.standard_normal(p.shape)
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            u = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            p = p - 0.05 * (u + 0.1 * p)
            m, v = as_stored(m, True), as_stored(v, False)
            updates, state = tx.update(jnp.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params, p, rtol=1e-6, atol=1e-9)


def test_small_leaves_are_adamws():
    grads = jnp.linspace(-1.0, 1.0, 60).reshape(6, 10)
    found = []
    for tx in (optax.adamw(0.05, weight_decay=0.1), adamw_8bit(0.05, weight_decay=0.1)):
        params, state = jnp.ones((6, 10)), tx.init(jnp.ones((6, 10)))
        for scale in (1.0, -0.5, 2.0):
            updates, state = tx.update(scale * grads, state, params)
            params = optax.apply_updates(params, updates)
        found.append(params)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
