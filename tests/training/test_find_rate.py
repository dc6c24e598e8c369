"""The learning-rate range test: what it reads from losses, and one real test of a small task."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import build
from effjax.training.find_rate import find_rate, has_exploded, judge, smooth
from tests.training.toy import line_config

RATES = np.geomspace(1e-7, 10, 100)


def test_a_smoothed_constant_is_that_constant():
    np.testing.assert_allclose(smooth(np.full(20, 3.0)), 3.0)


def test_the_rate_at_which_the_loss_falls_fastest():
    place = np.log10(RATES)
    # falls around 1e-3, explodes above 0.1
    losses = 2.0 - 1 / (1 + np.exp(-4 * (place + 3))) + np.exp(6 * (place + 1)) / 50
    found = judge(RATES, losses)
    assert 5e-4 < found.suggested < 5e-3  # the average lags a little
    assert found.suggested < found.least < 0.3


def test_what_is_not_finite_ends_the_test():
    losses = np.linspace(2, 1, 100)
    losses[40:] = np.nan
    assert len(judge(RATES, losses).losses) == 40
    assert has_exploded([1.0, float("nan")])
    assert has_exploded([1.0] * 12 + [100.0])
    assert not has_exploded([1.0] * 12 + [2.0])


def test_what_says_nothing_is_refused():
    with pytest.raises(UserError, match="does not fall at any learning rate"):
        judge(RATES, np.linspace(1, 2, 100))
    losses = np.ones(100)
    losses[3:] = np.inf
    with pytest.raises(UserError, match="not finite after 3 updates"):
        judge(RATES, losses)


def test_a_small_task_has_a_rate():
    config = line_config()
    config.parallel.devices = 1
    config.optim.default.update(name="sgd", learning_rate=0.3)
    with pytest.raises(UserError, match="too few updates to find a rate in; give 20 or more"):
        find_rate(build(config), choose_display(quiet=True), 5)
    found = find_rate(build(config), choose_display(quiet=True), 60)
    # least squares of points with unit variance: stable up to about 2 / (2 * 1)
    assert 1e-3 < found.suggested < 1.0
    assert found.rates[-1] > found.least
