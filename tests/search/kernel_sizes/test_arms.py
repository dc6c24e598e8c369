"""The arms of a comparison: which sizes they get."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.kernel_sizes.arms import make_arms, random_sizes, search_config, uniform_sizes
from tests.search.kernel_sizes.conftest import search_config as small_search
from tests.search.kernel_sizes.conftest import supernet_of


def test_the_baselines_fill_the_budget():
    net = supernet_of("convformer_s18", budget_sizes=(5,))
    budget = net.budgets[0]
    assert uniform_sizes(net) == [5, 5, 5, 3]
    drawn = [random_sizes(net, draw) for draw in range(4)]
    assert len({tuple(sizes) for sizes in drawn}) > 1
    for sizes in drawn:
        assert net.cost.exact(sizes) <= budget
        for n in range(4):
            larger = np.asarray(sizes) + 2 * (np.arange(4) == n)
            assert net.cost.exact(larger) > budget or np.any(larger > net.sizes.largest)


def test_one_size_fits_every_budget_that_can_be_met():
    net = supernet_of("convformer_s18", budget_sizes=(1,))
    assert uniform_sizes(net) == [1, 1, 1, 1]


def test_each_random_allocation_is_an_arm():
    arms = make_arms(supernet_of("convformer_s18", compare_arms=("uniform", "random")))
    assert list(arms) == ["uniform", "random0", "random1", "random2"]
    assert arms["uniform"](None, None, 0).search == {}


def test_an_unknown_arm():
    with pytest.raises(UserError, match="unknown 'unifrom'; did you mean 'uniform'"):
        make_arms(supernet_of("convformer_s18", compare_arms=("found", "unifrom")))


def test_more_seeds_or_arms_are_the_same_search():
    few = search_config(small_search("convformer_s18", compare_seeds=1), "trim", 3)
    many = search_config(small_search("convformer_s18", compare_seeds=9), "trim", 3)
    assert few.to_dict() == many.to_dict()
    assert (few.seed, few.task.weight) == (3, 0.0)
