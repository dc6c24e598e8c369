"""Sharpness, 2 / learning rate and noise scale as columns while training."""

import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.training.landscape import Landscape
from tests.training.toy import Points, line_config

QUIET = choose_display(quiet=True)


def config(**log):
    made = line_config(total_steps=6.0)
    made.log.update(log)
    return made


@pytest.mark.parametrize("mode", ["mesh", pytest.param("pmap", marks=pytest.mark.slow)])
def test_columns(mode, tmp_path):
    made = config(curvature_every_steps=3.0)
    made.parallel.update(mode=mode, devices=2)
    effjax.train(made, tmp_path, display=QUIET)
    rows = [row for row in read_rows(tmp_path) if "optim/sharpness" in row]
    assert [row["step"] for row in rows] == [3, 6]
    for row in rows:
        assert row["optim/noise_scale"] > 0
    # a schedule that has come down: a flatter place would do at a larger rate
    assert rows[0]["optim/stable_sharpness"] > 0
    # without dropout least squares has the curvature of its points, wherever the weights are
    assert rows[0]["optim/sharpness"] == pytest.approx(rows[1]["optim/sharpness"], rel=0.2)


@pytest.mark.slow
def test_rows_are_those_of_a_run_without_columns(tmp_path):
    """Looking changes nothing."""
    effjax.train(config(curvature_every_steps=2.0), tmp_path / "with", display=QUIET)
    effjax.train(config(), tmp_path / "without", display=QUIET)

    def losses(name):
        return [row["train/loss"] for row in read_rows(tmp_path / name) if "train/loss" in row]

    assert losses("with") == losses("without")


def test_what_takes_long_is_said(monkeypatch):
    clock = iter(np.arange(100.0))
    monkeypatch.setattr("effjax.training.landscape.time.monotonic", lambda: next(clock))
    told = []
    watched = Landscape.__new__(Landscape)
    watched._warn, watched._calls, watched._taken, watched._began = told.append, 0, 0.0, 0.0
    for _ in range(4):
        watched._watch(next(clock))
    assert len(told) == 1
    assert "% of the time" in told[0]


def test_images_on_the_devices_are_refused(tmp_path):
    from effjax.tasks.run import build

    setup = build(config())
    object.__setattr__(setup, "source", Points(16))
    Landscape(setup, print)
    setup.source.__class__ = type("Held", (Points,), {"resident": {"images": np.zeros(1)}})
    with pytest.raises(UserError, match="cache=memory"):
        Landscape(setup, print)
