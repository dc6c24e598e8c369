"""The time that runs will take is that of their steps, by one that is timed."""

import pytest

from effjax.errors import UserError
from effjax.report.progress import Display
from effjax.trials import estimate as estimates
from effjax.trials.estimate import Estimate, estimate, show_estimate
from effjax.trials.plan import make_plan
from tests.trials.configs import write_config


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Three variants of two seeds and four steps; the third cannot be built."""
    monkeypatch.setattr(estimates, "time_step", lambda setup: (3.0, 0.5))
    return make_plan(write_config(tmp_path), [], tmp_path / "runs")


def test_steps_are_counted_and_what_is_saved_is_not(plan, capsys):
    (plan.trials[0].workdir / "checkpoints/3").mkdir(parents=True)
    found = estimate(plan.trials, Display())
    assert (found.runs, found.steps, found.batch_size) == (4, 1 + 3 * 4, 8)
    assert found.seconds == pytest.approx(13 * 0.5 + 2 * 3.0)  # a program for each variant
    assert "warning: lost cannot be trained: mixers has 3 entries" in capsys.readouterr().out


def test_a_larger_network_takes_longer(plan):
    alone = estimate(plan.trials[:1], Display())
    config = plan.trials[2].config
    config.model.dims = (8, 8, 8, 8)
    both = estimate([plan.trials[0], plan.trials[2]], Display())
    assert both.seconds > 2.5 * alone.seconds


def test_if_nothing_can_be_built_the_reason_is_said(plan):
    with pytest.raises(UserError, match="mixers has 3 entries"):
        estimate(plan.trials[4:], Display())


def test_the_table_says_time_and_cost(capsys):
    found = Estimate(
        runs=6, steps=1200, step_seconds=0.0123, compile_seconds=20.0, seconds=7200.0, batch_size=64
    )
    show_estimate(found, Display(), at_once=2, price=2.5)
    said = capsys.readouterr().out
    for words in ("6 run(s), 1,200 steps", "64 images takes 12.3 ms", "about 2h00m, one run"):
        assert words in said
    assert "about 1h00m if 2 at a time" in said
    assert "about 5.00, at 2.5 an hour" in said
