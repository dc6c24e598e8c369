"""A small flow of digits, and a router on it."""

import runpy

import pytest

import effjax
from effjax.config import load
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from tests.tasks.diffusion.conftest import quick_config

QUIET = choose_display(quiet=True)


def quick_compression(name, **task):
    """configs/compress/NAME.py, shrunk to seconds."""
    path = f"configs/compress/{name}.py"
    config = load(path, [], RunConfig)
    runpy.run_path(path)["quick"](config)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    with config.unlocked():
        config.task.update(task)
    return config


@pytest.fixture(scope="session")
def small_flow(tmp_path_factory):
    """The folder of a DiT of two blocks."""
    folder = tmp_path_factory.mktemp("flow") / "run"
    effjax.train(quick_config("dit"), folder, display=QUIET)
    return folder


@pytest.fixture(scope="session")
def small_router(small_flow, tmp_path_factory):
    """The folder of a router on `small_flow`."""
    folder = tmp_path_factory.mktemp("router") / "run"
    config = quick_compression("router_digits", teacher=str(small_flow), budget="0.8x")
    effjax.train(config, folder, display=QUIET)
    return folder
