"""The learning rates that are shown are those that training follows."""

import numpy as np

from effjax.inspect.schedule import learning_rates
from effjax.tasks.run import build
from tests.inspect.test_show import quickstart


def test_the_schedule_is_the_one_that_training_follows(world):
    setup = build(quickstart("--config.total_steps=40", "--config.schedule.warmup_steps=10"))
    steps, rates = learning_rates(setup, 1000)
    np.testing.assert_array_equal(steps, np.arange(40))
    peak = setup.config.optim.default.learning_rate
    np.testing.assert_allclose(rates["default"][[0, 5, 10]], [0.0, peak / 2, peak], rtol=1e-6)
