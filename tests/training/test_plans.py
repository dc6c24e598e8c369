"""The learning rate over a run, from a section of the config."""

import numpy as np
import pytest

import effjax
from effjax.config import Clock, View
from effjax.errors import UserError
from effjax.training.plans import make_plan


def plan_of(**fields):
    config = effjax.default_config()
    config.schedule.update(fields)
    return make_plan(View(config).schedule, Clock(8, 80, total_steps=100), peak=0.5)


def test_units_are_turned_into_steps():
    rate = plan_of(name="constant", warmup_epochs=2.0).rate
    np.testing.assert_allclose([float(rate(step)) for step in (0, 10, 20, 99)], [0, 0.25, 0.5, 0.5])


def test_a_warm_up_longer_than_the_run_says_what_to_type():
    with pytest.raises(UserError) as caught:
        plan_of(warmup_steps=200.0)
    assert str(caught.value).splitlines() == [
        "warm-up takes 200 steps of a run of 100",
        "shorten it: --config.schedule.warmup_steps=10",
    ]
