"""The densities of the rounds."""

import itertools

import pytest

from effjax.compress.schedules import SCHEDULES, round_densities
from effjax.errors import UserError


@pytest.mark.parametrize("name", sorted(SCHEDULES.entries))
def test_schedules_fall_to_the_density(name):
    densities = round_densities(name, 0.1, 7)
    assert densities[-1] == pytest.approx(0.1)
    assert all(first > second for first, second in itertools.pairwise(densities))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UserError, match="did you mean 'cubic'"):
        round_densities("cubics", 0.1, 3)
