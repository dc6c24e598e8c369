"""Cells for CIFAR-10 by DARTS: a network of softmax mixtures, then the cells that it has come to.

Half of the images teach weights, the other half teaches alpha. The found network has 20 cells of 36
channels and an auxiliary head, as published; `effjax train` takes it from the same file.

Score: 2.76 % error by the second order (arXiv:1806.09055, mean of 10 runs); not run in full here.
Cost: days on two CPU cores; a day on one GPU of 2018. `:quick` has one cell of two channels.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --config=configs/search/darts_cifar10.py
     effjax train --config=configs/search/darts_cifar10.py \\
         --config.model.arch=runs/darts_cifar10/architecture.json
"""

import ml_collections

import effjax
from effjax.search import Search
from effjax.search.cells.spaces import DartsSpace

FINAL = {"width": 36, "layers": 20, "auxiliary": True, "drop_path_rate": 0.2}
SMALL = {"width": 4, "layers": 3, "auxiliary": False, "drop_path_rate": 0.0}
FEW = ("skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def get_config() -> ml_collections.ConfigDict:
    """The training of the network that is found."""
    config = effjax.default_config()
    config.total_epochs = 600.0

    config.model.update(name="darts_v2", **FINAL)
    config.data.update(name="cifar10", image_size=32, batch_size=96, cache="memory")
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(name="sgd", learning_rate=0.025, momentum=0.9)
    config.optim.default.update(weight_decay=3e-4, clip_norm=5.0)
    config.schedule.update(name="cosine")
    config.evals.val.every_epochs = 20.0
    config.checkpoint.every_epochs = 20.0
    return config


def search(arg: str | None = None) -> Search:
    """The space, and the search as published: the second order, eight cells of 16 channels."""
    if arg == "quick":
        space = DartsSpace(FEW, nodes=1, **SMALL)
        options = {"epochs": 1.0, "width": 2, "layers": 1, "order": "first"}
        return Search(space=space, strategy="darts", evaluations=1, options=options)
    options = {"epochs": 50.0, "width": 16, "layers": 8, "order": "second"}
    return Search(space=DartsSpace(**FINAL), strategy="darts", evaluations=1, options=options)


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=2.0)
    config.model.update(**SMALL)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    config.data.augment.crop = "none"
