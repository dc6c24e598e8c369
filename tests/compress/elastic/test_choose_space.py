"""Which space to search under a limit of memory."""

import pytest

from effjax.compress.elastic.choose_space import (
    PICTURE,
    choose_space,
    compare_spaces,
    fitting_macs,
    plot_spaces,
)
from effjax.compress.elastic.costs import ElasticCosts
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import choose_display
from tests.compress.elastic.conftest import config_of


class Costs:
    """Every choice of a wide network at a large resolution costs more."""

    def __init__(self, dims, side):
        self.scale = sum(dims) * side
        self.space = self

    def sample(self, rng):
        return int(rng.integers(1, 5))

    def of(self, point, unit):
        return point * self.scale * (10 if unit == "macs" else 1)


def test_only_what_fits_is_counted():
    macs = fitting_macs(Costs((1,), 1), limit=2, drawn=50, seed=0)
    assert set(macs) == {10, 20}
    assert list(macs) == sorted(macs)


def test_the_space_whose_fitting_networks_compute_most_comes_first(tmp_path):
    found = compare_spaces(Costs, (16, 32), 32, 8, limit=2000, seed=0)
    assert len(found) == 12
    means = [candidate.mean for candidate in found]
    assert means == sorted(means, reverse=True)
    # the widest at the largest size fits now and then only, the narrowest always
    assert {len(candidate.macs) for candidate in found} > {50}
    plot_spaces(found, tmp_path / PICTURE)
    assert (tmp_path / PICTURE).stat().st_size > 5000


def test_widths_that_are_rounded_to_the_same_channels_are_one_space():
    found = compare_spaces(Costs, (16, 16), 32, 8, limit=2000, seed=0)
    spaces = {(candidate.dims, candidate.side): candidate.width for candidate in found}
    assert len(spaces) == len(found) == 9
    assert spaces[(16, 16), 32] == 1.0  # not 0.75


def test_a_limit_that_nothing_meets_is_refused():
    with pytest.raises(UserError, match="no drawn network"):
        compare_spaces(Costs, (16, 32), 32, 8, limit=1, seed=0)


def test_bytes_are_asked_for(tmp_path):
    quiet = choose_display(quiet=True)
    with pytest.raises(UserError, match="limit of bytes"):
        choose_space(config_of(), Budget("macs", 1e6), tmp_path, quiet)


@pytest.mark.slow
def test_networks_that_fit_are_within_the_limit(filled):
    counted = ElasticCosts(filled("caformer_s18").net, 3)
    peak = counted.of(counted.space.smallest, "memory")
    assert len(fitting_macs(counted, peak, 10, 0)) < len(fitting_macs(counted, 10 * peak, 10, 0))
