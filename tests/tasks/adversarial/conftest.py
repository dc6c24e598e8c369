"""Tiny generators and critics."""

import runpy
from pathlib import Path

import jax
import ml_collections
import numpy as np
import pytest

import effjax
from effjax.config import View, load
from effjax.report import choose_display
from effjax.runs.folder import read_summary
from effjax.runs.schema import RunConfig
from effjax.tasks.adversarial.task import Adversarial
from tests.once import once

CONFIG = "configs/generate/gan_digits.py"
SIZE = 8
BATCH = 8


def tiny_config(arg="plain", **task) -> ml_collections.ConfigDict:
    """A GAN of made-up images of 8 pixels."""
    config = load(f"{CONFIG}:{arg}", [], RunConfig)
    runpy.run_path(CONFIG)["quick"](config)
    config.model.widths = (4, 4)
    config.task.critic_widths = (4, 4)
    config.model.latent = 3
    config.data.update(name="synthetic", image_size=SIZE, batch_size=BATCH)
    config.data.update(synthetic_examples=32, synthetic_classes=2)
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    config.parallel.devices = 1
    with config.unlocked():
        config.task.update(task)
    return config


def make(arg="plain", **task) -> Adversarial:
    return Adversarial(View(tiny_config(arg, **task)))


def batch(count=BATCH, first=0):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3)).astype(np.uint8)
    rows = slice(first, first + count)
    return {
        "image": images[rows],
        "label": (np.arange(BATCH, dtype=np.int32) % 2)[rows],
        "index": np.arange(BATCH, dtype=np.int32)[rows],
        "mask": np.ones(count, np.float32),
    }


@pytest.fixture(scope="session")
def ppo():
    """(task with everything that PPOGAN has, its parameters)."""
    options = {"critic_dropout": 0.5, "consistency": 1.0, "critic_steps": 1, "generator_steps": 1}
    task = make("ppo", **options)
    params, _ = jax.jit(task.init)(jax.random.key(0), batch())
    return task, params


@pytest.fixture(scope="session")
def trained_gan(tmp_path_factory):
    """(workdir, summary) of a short run."""

    def fill(folder: Path) -> None:
        effjax.train(tiny_config(), folder / "run", display=choose_display(quiet=True))

    workdir = once(tmp_path_factory, "gan", fill) / "run"
    return workdir, read_summary(workdir)
