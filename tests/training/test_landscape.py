"""Sharpness, 2 / learning rate and noise scale as columns while training."""

import os
import subprocess
import sys

import numpy as np
import pytest

import effjax
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.training.landscape import Landscape
from tests.combinations.network import MASK
from tests.training.toy import line_config

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


def columns(folder, names=("optim/sharpness", "optim/noise_scale")):
    rows = [row for row in read_rows(folder) if names[0] in row]
    return np.array([[row[name] for name in names] for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "parts"), [("mesh", 1), ("mesh", 2), ("pmap", 1), ("pmap", 2)])
def test_images_on_the_devices_give_the_same_columns(mode, parts, tmp_path):
    """Their crops and flips are made there, as those of any update."""
    from tests.analyse.conftest import digits_config

    for cache in ("memory", "device"):
        made = digits_config(steps=2.0)
        made.data.update(cache=cache)
        made.data.augment.interpolation = "bilinear"
        made.parallel.update(mode=mode, devices=2)
        made.accumulate = parts
        made.log.curvature_every_steps = 1.0
        effjax.train(made, tmp_path / cache, display=QUIET)
    assert columns(tmp_path / "device").shape == (2, 2)
    np.testing.assert_allclose(
        columns(tmp_path / "device"), columns(tmp_path / "memory"), rtol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mesh", "pmap"])
def test_two_processes_have_the_columns_of_one(mode, tmp_path):
    """Two devices each, against four of one process."""
    spec = f"--config=tests/combinations/config.py:{mode},2,some,plain,float32,none,none,sgd"
    log = ["--config.log.curvature_every_steps=2", "--config.log.noise_scale=True"]
    train = [sys.executable, "-m", "effjax", "train", spec, *log]
    launch = [sys.executable, "launch/local.py", "--processes=2", "--devices-per-process=2", "--"]
    commands = {"one": train, "two": [*launch, *train]}
    for name, command in commands.items():
        done = subprocess.run(
            [*command, f"--workdir={tmp_path / name}"],
            env=os.environ | {"PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert columns(tmp_path / "two").shape == (2, 2)
    np.testing.assert_allclose(columns(tmp_path / "two"), columns(tmp_path / "one"), rtol=1e-3)
    # hosts cut a batch into other parts: what both make of them adds up to the same gradient
    names = ("optim/batch_noise", "optim/batch_signal", "optim/grad_norm")
    for name in commands:
        noise, signal, norm = columns(tmp_path / name, names).T
        np.testing.assert_allclose(signal + noise / MASK.sum(), norm**2, rtol=1e-3)
