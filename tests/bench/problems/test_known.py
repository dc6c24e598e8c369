"""What optimizers do on these problems is what theory says."""

import optax
import pytest

from effjax import optim
from effjax.bench.problems import known
from tests.bench.problems.trained import history, make, trained

QUADRATIC = {"dim": 5_000, "condition": 10.0}
BASIN = {"paths": 4000, "alpha": 1.2, "noise": 0.1}


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (optax.sgd(0.4), {}),
        (optax.sgd(0.1, momentum=0.9), {"momentum": 0.9}),
        (optim.lookahead(optax.sgd(0.4), 5, 0.5), {"lookahead": (0.5, 5)}),
    ],
    ids=["sgd", "heavy_ball", "lookahead"],
)
def test_a_noisy_quadratic_settles_at_its_variance(optimizer, settings):
    problem, _ = make("noisy_quadratic", **QUADRATIC)
    *_, losses = history(problem, optimizer, 400)
    rate = 0.1 if "momentum" in settings else 0.4
    found = float(losses[150:].mean())
    assert found == pytest.approx(known.settled_loss(QUADRATIC, rate, **settings), rel=0.02)


def test_lookahead_settles_below_sgd_and_momentum_above():
    sgd = known.settled_loss(QUADRATIC, 0.1)
    assert known.settled_loss(QUADRATIC, 0.1, lookahead=(0.5, 5)) < sgd
    assert known.settled_loss(QUADRATIC, 0.1, momentum=0.9) > 5 * sgd


def test_paths_leave_a_basin_as_they_should():
    problem, _ = make("stable_basin", **BASIN)
    params, state = trained(problem, optax.sgd(0.05), 1000)
    found = float(problem.evaluate(params, state, {})["val/loss"])
    expected = known.share_left(BASIN, 0.05, 1000)
    assert 0.2 < expected < 0.8
    assert found == pytest.approx(expected, abs=0.04)
