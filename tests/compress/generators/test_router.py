import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.generators.router import (
    balanced,
    chosen,
    contrastive,
    evenly,
    prunable_target,
    resource_loss,
    select,
    similarities,
    spread_losses,
)
from tests.parity.generative_check import check_recorded

RNG = np.random.default_rng(0)


def test_recorded_values():
    check_recorded("aptp/")


def test_rows_add_up_to_one_and_codes_get_their_share():
    similarity = jnp.asarray(RNG.standard_normal((12, 4)))
    plan = balanced(similarity, temperature=1.0, rounds=50)
    np.testing.assert_allclose(plan.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(plan.sum(0), 3, rtol=1e-4)


def test_all_prompts_like_one_code_and_are_spread_in_training():
    similarity = jnp.asarray([[0.9, 0.1], [0.8, 0.1], [0.7, 0.1], [0.6, 0.1]])
    assert chosen(similarity, training=False).tolist() == [0, 0, 0, 0]
    assert sorted(chosen(similarity, True, 0.05, 50).tolist()) == [0, 0, 1, 1]


@pytest.mark.parametrize(("prompts", "codes"), [(10, 3), (12, 4), (10, 8), (3, 3), (5, 1)])
def test_codes_get_equal_numbers_of_prompts(prompts, codes):
    for _ in range(5):
        plan = jnp.asarray(RNG.dirichlet(np.full(codes, 0.3), prompts))
        counts = np.bincount(evenly(plan), minlength=codes)
        assert counts.sum() == prompts
        assert counts.max() - counts.min() <= 1


def test_prompts_get_the_codes_that_they_like_where_these_have_room():
    assert evenly(jnp.asarray([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])).tolist() == [
        0,
        1,
        1,
        0,
    ]
    # the one that likes it least gives way
    assert evenly(jnp.asarray([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2], [0.6, 0.4]])).tolist() == [
        0,
        1,
        0,
        1,
    ]


def test_the_largest_entries_of_a_balanced_plan_are_not_balanced():
    # two codes that are nearly alike, of which ten prompts of twelve like the first a little more
    rows = [[0.991, 0.99]] * 10 + [[0.9, 0.99]] * 2
    plan = balanced(jnp.asarray(rows), rounds=50)
    np.testing.assert_allclose(plan.sum(0), 6, atol=0.1)
    assert np.bincount(plan.argmax(-1)).tolist() == [10, 2]
    assert np.bincount(evenly(plan)).tolist() == [6, 6]


def test_the_router_learns_through_its_choice_unless_it_is_looked_up():
    gates = jnp.asarray([[1.0, 0.0], [0.2, 0.9]])

    def loss(similarity, straight_through):
        picked = select(gates, similarity, jnp.asarray([1]), straight_through)
        return picked.sum()

    similarity = jnp.asarray([[0.3, 0.4]])
    for through in (True, False):
        value, grad = jax.value_and_grad(loss)(similarity, through)
        assert float(value) == pytest.approx(1.1)
        assert bool(grad.any()) == through


def test_prompts_that_are_alike_want_architectures_that_are():
    prompts = jnp.eye(3)
    assert contrastive(prompts, prompts) < 1e-6
    assert contrastive(prompts, jnp.ones((3, 2))) > 0.5
    np.testing.assert_allclose(similarities(prompts, 2 * prompts), np.eye(3))


def test_resources():
    assert float(resource_loss(jnp.asarray(0.6), 0.6)) == pytest.approx(0, abs=1e-6)
    both = [float(resource_loss(jnp.asarray(r), 0.5)) for r in (0.25, 1.0)]
    np.testing.assert_allclose(both, np.log(2), rtol=1e-6)
    # half of all from a network of which 8 of 10 can go: 3 of these 8 stay
    assert prunable_target(0.5, prunable=8, total=10) == pytest.approx(3 / 8)
    spread, largest = spread_losses(jnp.asarray([0.4, 0.8]))
    assert float(spread) == pytest.approx(-np.std([0.4, 0.8], ddof=1))
    assert float(largest) == pytest.approx(0.2)
    assert jax.grad(lambda r: spread_losses(r)[0])(jnp.ones(3)).tolist() == [0, 0, 0]
