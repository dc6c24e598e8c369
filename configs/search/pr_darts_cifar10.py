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

# the training of what is found, and the sizes, are those of DARTS
from darts_cifar10 import FEW, FINAL, SMALL, get_config, quick  # noqa: F401

from effjax.search import Search
from effjax.search.cells.spaces import DartsSpace


def search(arg: str | None = None) -> Search:
    """The space, and the search with the factors of the authors' command line."""
    if arg == "quick":
        space = DartsSpace(FEW, nodes=1, **SMALL)
        options = {"epochs": 1.0, "width": 2, "layers": 1}
        return Search(space=space, strategy="pr_darts", evaluations=1, options=options)
    options = {"epochs": 200.0, "width": 16, "layers": 6}
    return Search(space=DartsSpace(**FINAL), strategy="pr_darts", evaluations=1, options=options)
