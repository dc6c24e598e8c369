"""A small elastic network of each family, in which every number matters."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import effjax
from effjax import models
from effjax.compress.elastic.sorting import sorted_ranks
from effjax.compress.elastic.space import Extent
from effjax.compress.elastic.supernet import KERNELS, Supernet
from effjax.compress.sites import flat, nested
from effjax.report import choose_display
from effjax.tasks.run import train
from tests.once import once

SIDE = 8
TWO = {"depths": (2, 1), "dims": (16, 32), "patch_kernels": (3, 3), "patch_strides": (2, 2),
       "patch_pads": (1, 1), "remat": (False, False)}  # fmt: skip
FAMILIES = {
    "convformer_s18": {
        **TWO,
        "mixers": ("separable_conv", "separable_conv"),
        "kernel_sizes": (5, 5),
        "layer_scale": (None, None),
        "residual_scale": (None, 1.0),
    },
    "caformer_s18": {
        **TWO,
        "mixers": ("separable_conv", "attention(head_dim=8)"),
        "kernel_sizes": (5, 5),
        "layer_scale": (0.5, None),
        "residual_scale": (None, 1.0),
        "head": "mlp",
    },
    "inception_next_atto": {
        **TWO,
        "square_kernels": (3, 3),
        "band_kernels": (5, 5),
        "mlp_ratios": (3.0, 3.0),
    },
}
FAST = "caformer_s18"
NAMES = [pytest.param(name, marks=[] if name == FAST else pytest.mark.slow) for name in FAMILIES]
EXTENT = Extent(kernels=(3,), least_depth=1, widths=(0.5,), mlp_ratios=(2.0,), multiple=8)


class Filled:
    """A network, its elastic one, and numbers for both."""

    def __init__(self, name):
        self.model = models.create_model(name, num_classes=3, dtype="float64", **FAMILIES[name])
        self.net = Supernet(self.model, name, EXTENT, (SIDE, SIDE, 3))
        rng = np.random.default_rng(0)
        arrays = {}
        for path, leaf in self.net.shapes.items():
            size = leaf.shape[-1] if leaf.shape else 1
            spread = 0.1 if not path.endswith("kernel") else np.sqrt(size / np.prod(leaf.shape))
            centre = 0.0 if path.endswith(("kernel", "bias", "mean")) else 1.0
            arrays[path] = centre + spread * rng.standard_normal(leaf.shape)
        variables = nested(arrays)
        matrices = {}
        for path, leaf in flat(jax.eval_shape(self.net.matrices)).items():
            matrices[path] = np.eye(len(leaf)) + 0.1 * rng.standard_normal(leaf.shape)
        self.network = variables.pop("params")
        self.params = {**self.network, KERNELS: nested(matrices)}
        self.rest = variables
        self.ranks = sorted_ranks(self.net, self.network, self.net.fresh_ranks())
        self.images = rng.standard_normal((2, SIDE, SIDE, 3))


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def filled():
    """filled(name): made once."""
    return functools.cache(Filled)


def config_of(name=FAST, **task):
    """A config that trains a tiny elastic network."""
    config = effjax.default_config()
    config.task.update(name="elastic", kernels=(3,), widths=(0.5,), mlp_ratios=(2.0,), **task)
    config.model.update(name=name, **FAMILIES[name])
    config.data.update(name="synthetic", image_size=SIDE, batch_size=8, synthetic_examples=16)
    config.data.synthetic_classes = 3
    config.optim.default.update(name="adan", learning_rate=1e-2)
    config.schedule.update(name="constant", warmup_epochs=0.0)
    config.update(total_epochs=None, total_steps=4)
    config.evals.val.every_epochs = 1.0
    config.checkpoint.update(every_epochs=1.0)
    config.parallel.devices = 1
    return config


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a run of four updates."""

    def fill(folder: Path) -> None:
        with jax.enable_x64(False):
            train(
                config_of(children=1, pairs=8), folder / "run", display=choose_display(quiet=True)
            )

    return once(tmp_path_factory, "elastic", fill) / "run"
