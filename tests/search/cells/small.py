"""A search of cells that compiles in seconds: one node, two channels, three cells."""

from typing import Any

import ml_collections

import effjax
from effjax.config import to_config
from effjax.runs.schema import OptimConfig
from effjax.search.cells.supernet import CellSpace

OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")
SPACE = CellSpace(operations=OPERATIONS, nodes=1)


def small_config(name: str, **task: Any) -> ml_collections.ConfigDict:
    """Eight steps on synthetic images of 8x8."""
    config = effjax.default_config()
    config.total_epochs = 2.0
    config.task.update(name=name, operations=OPERATIONS, nodes=1)
    config.task.update(search_width=2, search_layers=3, stem_multiplier=1)
    config.task.update(task)
    config.model.update(name="darts_v2", width=4, layers=3)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=64)
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="sgd", learning_rate=0.025, momentum=0.9, clip_norm=5.0)
    config.optim.alphas = to_config(OptimConfig)
    config.optim.alphas.update(name="adam", learning_rate=3e-4, b1=0.5, b2=0.999)
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    config.parallel.devices = 1
    return config
