import itertools

import numpy as np
import pytest

from effjax.compress.generators.allocate import Choice, allocate
from effjax.errors import UserError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("limit", [0.8, 1.5, 2.5, 4.0])
def test_no_other_choice_within_the_budget_is_better(limit):
    choices = []
    for _ in range(4):
        choices.append([Choice(*pair) for pair in RNG.uniform(0.1, 1, (3, 2))])
    found = []
    for numbers in itertools.product(range(3), repeat=4):
        taken = [each[number] for each, number in zip(choices, numbers, strict=True)]
        if sum(choice.cost for choice in taken) <= limit:
            found.append(sum(choice.error for choice in taken))
    if not found:
        with pytest.raises(UserError, match="the least is"):
            allocate(choices, limit)
        return
    taken = [each[n] for each, n in zip(choices, allocate(choices, limit), strict=True)]
    assert sum(choice.cost for choice in taken) <= limit
    assert sum(choice.error for choice in taken) == pytest.approx(min(found))


def test_a_budget_for_all_takes_the_best_of_each():
    choices = [[Choice(1, 5), Choice(2, 3)], [Choice(1, 2), Choice(3, 1)]]
    assert allocate(choices, 5) == (1, 1)
    assert allocate(choices, 3) == (1, 0)
