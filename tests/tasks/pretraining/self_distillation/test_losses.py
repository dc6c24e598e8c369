import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.self_distillation import losses
from tests.parity.selfsup_check import check_recorded


@pytest.mark.slow
def test_as_recorded():
    check_recorded("dino/", "dinov2/", "ijepa/", "mugs_group/", "mugs_infonce/")


@pytest.fixture(scope="module")
def rows():
    """Logits [6, 4]."""
    return jax.random.normal(jax.random.key(0), (6, 4))


def test_padding_counts_for_no_centre_and_no_share(rows):
    valid = jnp.asarray([1.0, 1, 1, 1, 0, 0])
    centre = losses.moved_centre(jnp.ones(4), rows[None], valid, 0.9)
    alone = losses.moved_centre(jnp.ones(4), rows[None, :4], jnp.ones(4), 0.9)
    np.testing.assert_allclose(centre, alone, rtol=1e-6)
    shares = losses.sinkhorn(rows, 0.1, valid)
    np.testing.assert_allclose(shares[:4], losses.sinkhorn(rows[:4], 0.1), rtol=1e-4, atol=1e-7)
    assert not shares[4:].any()


def test_without_an_example_the_centre_stays(rows):
    centre = losses.moved_centre(jnp.ones(4), rows[None], jnp.zeros(6), 0.9)
    np.testing.assert_array_equal(centre, np.ones(4))


def test_sinkhorn_gives_every_output_as_much(rows):
    shares = losses.sinkhorn(rows, 0.5, rounds=50)
    np.testing.assert_allclose(shares.sum(1), np.ones(6), rtol=1e-5)
    np.testing.assert_allclose(shares.sum(0), np.full(4, 1.5), rtol=1e-4)


def test_halves_are_means_of_large_and_of_small_pairs():
    pairs = jnp.arange(2 * 3 * 1.0).reshape(2, 3, 1)  # [[0, 1, 2], [3, 4, 5]]
    assert float(losses.mean_of_halves(pairs)[0]) == pytest.approx((2 + 3.5) / 2)
    assert float(losses.mean_of_pairs(pairs)[0]) == pytest.approx((1 + 2 + 3 + 5) / 4)
    assert float(losses.mean_of_halves(pairs[:, :2])[0]) == pytest.approx(2)


def test_entropy_goes_from_one_output_to_all():
    assert float(losses.entropy(jnp.asarray([1.0, 0, 0, 0]))) == 0
    assert float(losses.entropy(jnp.full(4, 0.25))) == pytest.approx(np.log(4))
