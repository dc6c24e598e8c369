"""Cells for CIFAR-10 by PR-DARTS: gates that open on their own, and a reward for depth.

As darts_cifar10.py, with 6 cells for 200 epochs. Skips pay more than other operations, and a chain
of convolutions through the cell is rewarded, so that skips do not take over.

Score: 2.32 % error (the authors' README); not run in full here.
Cost: days on two CPU cores. `:quick` has one cell of two channels.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --config=configs/search/pr_darts_cifar10.py
     effjax train --config=configs/search/pr_darts_cifar10.py \\
         --config.model.arch=runs/pr_darts_cifar10/architecture.json
"""

import ml_collections

import effjax
from effjax.search import Search
from effjax.search.cells.spaces import DartsSpace

FINAL = {"width": 36, "layers": 20, "auxiliary": True, "drop_path_rate": 0.2}
SMALL = {"width": 4, "layers": 3, "auxiliary": False, "drop_path_rate": 0.0}
FEW = ("skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def get_config() -> ml_collections.ConfigDict:
    """The training of the network that is found; its search has batches of 250 in the paper."""
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
    """The space, and the search with the factors of the authors' command line."""
    if arg == "quick":
        space = DartsSpace(FEW, nodes=1, **SMALL)
        options = {"epochs": 1.0, "width": 2, "layers": 1}
        return Search(space=space, strategy="pr_darts", evaluations=1, options=options)
    options = {"epochs": 200.0, "width": 16, "layers": 6}
    return Search(space=DartsSpace(**FINAL), strategy="pr_darts", evaluations=1, options=options)


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=2.0)
    config.model.update(**SMALL)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    config.data.augment.crop = "none"
