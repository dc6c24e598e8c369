"""A tabular benchmark of our own: small MetaFormers on 10,000 images of CIFAR-10.

Two stages of two blocks on maps of 8x8 and 4x4. Each block has a mixer out of five: identity,
pooling, depthwise convolution over 3x3 or 7x7, attention. A network is trained twice, on the first
1,000 images of each class, and tested on the whole test set.

Score: 24.3 to 28.5 % after 200 steps; the table that ships has 120 networks.
Cost: 13 seconds a network (two trainings), 2 for its scores, on one core; stop and go on at will.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --make-table --config=configs/search/table_cifar10.py --minutes=10
     effjax search --correlate --table=configs/search/tables/metaformer_cifar10.json
"""

import mixers_cifar10
import ml_collections
from mixers_cifar10 import quick  # noqa: F401

from effjax.search import ArchSpace, Choice, Search
from effjax.search.make_table import MakeTable

FIELDS = mixers_cifar10.FIELDS | {"mixers": ("identity", "identity")}
MIXERS = ("identity", "pooling", "depthwise3", "depthwise7", "attention(head_dim=8)")


def get_config() -> ml_collections.ConfigDict:
    """One training."""
    config = mixers_cifar10.get_config()
    config.total_steps = 200.0
    config.model.update(**FIELDS)
    return config


def space() -> ArchSpace:
    """A mixer for each of the four blocks: 625 networks."""
    choices = []
    for stage in range(2):
        for block in range(2):
            choices.append(Choice(f"stages_{stage}.blocks_{block}.mixer", MIXERS))
    return ArchSpace("convformer_s18", choices, **FIELDS)


def table(arg: str | None = None) -> MakeTable:
    """Which networks are trained."""
    if arg == "quick":
        return MakeTable(space(), "runs/quick_table.json", networks=2, seeds=1, images=8)
    return MakeTable(space(), "configs/search/tables/metaformer_cifar10.json")


def search(arg: str | None = None) -> Search:
    """A search of the same space, by training or with --table=FILE.json."""
    is_quick = arg == "quick"
    return Search(
        space=space(),
        strategy="evolution",
        evaluations=3 if is_quick else 20,
        options={"population": 2 if is_quick else 8},
        compare_with=("bayes", "reinforce", "zero_cost"),
        # a quarter of the table: of nearly all of it each seed would pick the same
        compare_options={arm: {"samples": 30} for arm in ("zero_cost", "params", "macs")},
        compare_seeds=1 if is_quick else 3,
    )
