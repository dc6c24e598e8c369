"""Small runs of diffusion on digits."""

import runpy
from pathlib import Path

import ml_collections
import pytest

import effjax
from effjax.config import load
from effjax.report import choose_display
from effjax.runs.folder import read_summary
from effjax.runs.schema import RunConfig
from tests.once import once

CONFIG = "configs/generate/digits.py"


def quick_config(arg: str, **task) -> ml_collections.ConfigDict:
    """The digits config with the network or process `arg`, shrunk to seconds."""
    config = load(f"{CONFIG}:{arg}", [], RunConfig)
    runpy.run_path(CONFIG)["quick"](config)
    config.log.update(tensorboard=False, curves=False)
    config.parallel.devices = 1
    with config.unlocked():
        config.task.update(task)
    return config


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """(workdir, summary) of an MDT that has learned for some steps with masks."""

    def fill(folder: Path) -> None:
        config = quick_config("mdt", mask_ratios=1)
        effjax.train(config, folder / "run", display=choose_display(quiet=True))

    workdir = once(tmp_path_factory, "diffusion", fill) / "run"
    return workdir, read_summary(workdir)
