import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import create, scale_by_apollo

B1, B2, GROWTH, PERIOD, RANK = 0.8, 0.9, 1.2, 2, 2


def projections(shorter, count):
    """P of each update, as the transformation draws it."""
    drawn = []
    for t in range(count):
        key = jax.random.fold_in(jax.random.key(3), t // PERIOD)
        normal = jax.random.normal(jax.random.fold_in(key, 0), (RANK, shorter), jnp.float64)
        drawn.append(np.asarray(normal) / np.sqrt(RANK))
    return drawn


def by_hand(grads, drawn, one_scale):
    """Algorithm 1 of the paper for matrices [shorter, longer], with its limit of growth."""
    m = v = 0.0
    before = None
    for t, (g, p) in enumerate(zip(grads, drawn), 1):
        r = p @ g
        m = B1 * m + (1 - B1) * r
        v = B2 * v + (1 - B2) * r**2
        a = m / (1 - B1**t) / (np.sqrt(v / (1 - B2**t)) + 1e-8)
        if one_scale:
            u = g * np.linalg.norm(a) / np.linalg.norm(r)
        else:
            u = g * (np.linalg.norm(a, axis=0) / np.linalg.norm(r, axis=0))[None]
        if before is not None and np.linalg.norm(u) > GROWTH * before:
            u = u * GROWTH * before / np.linalg.norm(u)
        before = np.linalg.norm(u)
        yield u


@pytest.mark.parametrize("one_scale", [False, True])
@pytest.mark.parametrize("is_tall", [False, True])
def test_the_direction_is_the_papers(one_scale, is_tall):
    rng = np.random.default_rng(0)
    scales = (1.0, 20.0, 0.1, 5.0, 1.0)  # so that growth is limited at some steps only
    grads = [scale * rng.standard_normal((3, 5)) for scale in scales]
    with jax.enable_x64():
        expected = list(by_hand(grads, projections(3, len(grads)), one_scale))
        tx = scale_by_apollo(
            B1,
            B2,
            rank=RANK,
            one_scale=one_scale,
            most_growth=GROWTH,
            refresh_period=PERIOD,
            seed=3,
        )
        kernels = [jnp.asarray(g.T if is_tall else g) for g in grads]
        state = tx.init(kernels[0])
        for g, u in zip(kernels, expected):
            found, state = tx.update(g, state)
            found = np.asarray(found)
            np.testing.assert_allclose(found.T if is_tall else found, u, rtol=1e-6)


def test_its_state_is_of_low_rank_and_the_rest_has_adams():
    params = {"a": {"kernel": jnp.zeros((3, 3, 4, 64))}, "head": {"bias": jnp.zeros(7)}}
    state = create("apollo", 0.1, rank=5).init(params)
    shapes = sorted(leaf.shape for leaf in jax.tree.leaves(state) if leaf.ndim)
    assert shapes == [(5, 64), (5, 64), (7,), (7,)]


def test_ranks_and_periods_below_one_are_refused():
    with pytest.raises(ValueError, match="rank and refresh_period of at least 1, got 0 and 1"):
        scale_by_apollo(rank=0, refresh_period=1)


def test_a_gradient_of_zeros_does_not_stop_it():
    tx = scale_by_apollo(rank=1)
    zeros = jnp.zeros((2, 3))
    u, state = tx.update(zeros, tx.init(zeros))
    assert not u.any()
    u, _ = tx.update(zeros + 1.0, state)
    assert jnp.linalg.norm(u) > 0.1
