"""Two small runs that all tests of this room look at."""

import dataclasses
from pathlib import Path

import jax
import pytest
from flax import linen as nn

import effjax
from effjax.contract import split_variables
from effjax.report import choose_display
from effjax.tasks.classification import Classification
from tests.once import once


class Net(nn.Module):
    """A layer with batch norm and dropout, and a head: all that a loss as in evaluation meets."""

    num_classes: int = 10

    @nn.compact
    def __call__(self, x, train: bool, examples=None):
        x = nn.Dense(6, name="body")(x.reshape(len(x), -1))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.8, name="norm")(x)
        x = nn.Dropout(0.5, deterministic=not train)(nn.tanh(x))
        return nn.Dense(self.num_classes, name="head")(x)


class Small(Classification):
    """The digits by `Net`: compiles in no time."""

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config):
        """As its parent's."""

    def build_model(self):
        return Net(self.split.num_classes)

    def depths(self, params):
        return jax.tree.map(lambda _: 0, params), 1

    def init(self, rng, batch):
        return split_variables(self.model.init(rng, self.images(batch)[:1], train=False))

    def facts(self, params, batch):
        return {}


def digits_config(seed=0, steps=12.0):
    config = effjax.default_config()
    config.update(total_steps=steps, seed=seed)
    config.task.name = "tests.analyse.conftest:Small"
    config.data.update(name="digits", image_size=8, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=1, hflip=0.5)
    config.mix.update(mixup=0.8, cutmix=1.0)
    config.optim.default.update(name="sgd", learning_rate=0.2)
    config.checkpoint.update(every_steps=6.0, keep_last=5)
    config.log.update(tensorboard=False, curves=False)
    config.parallel.devices = 1
    return config


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Two folders: the same training with two seeds."""

    def fill(folder: Path) -> None:
        for seed in (0, 1):
            display = choose_display(quiet=True)
            effjax.train(digits_config(seed), folder / f"seed{seed}", display=display)

    folder = once(tmp_path_factory, "analyse", fill)
    return folder / "seed0", folder / "seed1"


@pytest.fixture(scope="session")
def subject(runs):
    """The first run, opened."""
    from effjax.analyse.subject import open_subject

    return open_subject(runs[0], "seed0", 128, choose_display(quiet=True))
