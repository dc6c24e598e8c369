"""Small searches over networks of every family that has windows."""

import functools
import json
from pathlib import Path

import jax
import ml_collections
import pytest

import effjax
from effjax.config import View, check, to_config
from effjax.contract.state import TrainState
from effjax.runs.schema import OptimConfig, RunConfig
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.search.kernel_sizes.task import KernelSearch
from effjax.tasks.run import build

COMMON = {"depths": 1, "drop_path_rate": 0.0, "dims": (8, 8, 16, 16)}
FAMILIES = {
    "convformer_s18": {"patch_kernels": 3, "patch_strides": (1, 2, 2, 2), "patch_pads": 1},
    "caformer_s18": {"patch_kernels": 3, "patch_strides": (1, 2, 2, 2), "patch_pads": 1},
    "poolformer_s12": {"patch_kernels": 3, "patch_strides": (1, 2, 2, 2), "patch_pads": 1},
    "convnext_atto": {"patch_kernels": (1, 2, 2, 2), "patch_strides": (1, 2, 2, 2)},
    "inception_next_atto": {"patch_kernels": (1, 2, 2, 2), "patch_strides": (1, 2, 2, 2)},
}


def search_config(model: str, steps: int = 4, **task) -> ml_collections.ConfigDict:
    """A search of a few steps on 16 x 16 digits."""
    config = effjax.default_config()
    config.total_steps = float(steps)
    config.task.update(name="kernel_search", max_size=7, budget_sizes=(5,), recalibrate=2)
    config.task.update(task)
    config.model.update(name=model, **COMMON, **FAMILIES[model])
    config.data.update(name="digits", image_size=16, batch_size=32, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="adam", learning_rate=3e-3)
    rates = {"sizes": 1e-2} if "pool" in model else {"sizes": 1e-2, "kernels": 3e-3}
    for group, rate in rates.items():
        config.optim[group] = to_config(OptimConfig)
        config.optim[group].update(name="adam", learning_rate=rate)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    return config


def task_of(model: str, **task) -> KernelSearch:
    """The task of such a search."""
    config = search_config(model, **task)
    check(config, RunConfig)
    return KernelSearch(View(config))


def supernet_of(model: str, **task) -> Supernet:
    """What such a search searches."""
    return task_of(model, **task).supernet


@functools.cache
def fresh(model: str, **task) -> tuple[KernelSearch, TrainState]:
    """A search's task and its state before the first update."""
    setup = build(search_config(model, **task))
    return setup.task, setup.fresh()


@pytest.fixture(scope="session")
def pooling_table(tmp_path_factory) -> Path:
    """A latency table of PoolFormer's operators: quadratic in the size, for what is tested here."""
    path = tmp_path_factory.mktemp("latency") / "table.json"
    times = {
        f"pooling square {side}x{side}x{width}": [0.01 * width * k * k for k in (1, 3, 5, 7)]
        for side, width in ((16, 8), (8, 8), (4, 16), (2, 16))
    }
    data = {"times": times, "batch_size": 32, "network_ms": [40.0, 0.0]}
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(autouse=True)
def one_device():
    with jax.default_device(jax.devices()[0]):
        yield
