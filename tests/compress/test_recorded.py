"""The recorded cases of the authors' code."""

import pytest

from tests.parity.search_check import check_recorded


def test_densities_walks_and_programmes():
    check_recorded("erk", "erk_plus", "phew")


@pytest.mark.slow
def test_scores_paths_and_steps():
    check_recorded("pai", "npb", "dpai")


@pytest.mark.slow
def test_groups_walls_and_quantisers():
    check_recorded("tp", "amc", "haq")


def test_elastic_losses_and_widths():
    check_recorded("ofa/loss", "ofa/make_divisible")


@pytest.mark.slow
def test_elastic_kernels_layers_and_the_sandwich():
    check_recorded("ofa")


@pytest.mark.slow
def test_gates_budgets_and_soft_sizes():
    check_recorded("isp", "budget", "ddnp")
