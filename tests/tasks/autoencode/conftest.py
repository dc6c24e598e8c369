"""Tiny autoencoders."""

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

CONFIG = "configs/generate/autoencoder_digits.py"


def tiny_config(**task) -> ml_collections.ConfigDict:
    """An autoencoder of made-up images of 8 pixels."""
    config = load(CONFIG, [], RunConfig)
    runpy.run_path(CONFIG)["quick"](config)
    config.model.widths = (4, 4)
    config.data.update(name="synthetic", image_size=8, synthetic_examples=32)
    config.data.update(synthetic_classes=2)
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    config.parallel.devices = 1
    with config.unlocked():
        config.task.update(task)
    return config


@pytest.fixture(scope="session")
def trained_coder(tmp_path_factory):
    """(workdir, summary) of a short run."""

    def fill(folder: Path) -> None:
        effjax.train(tiny_config(), folder / "run", display=choose_display(quiet=True))

    workdir = once(tmp_path_factory, "coder", fill) / "run"
    return workdir, read_summary(workdir)
