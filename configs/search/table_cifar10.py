"""A tabular benchmark of our own: small MetaFormers on 10,000 images of CIFAR-10.

Two stages of two blocks on maps of 8x8 and 4x4. Each block has a mixer out of five: identity,
pooling, depthwise convolution over 3x3 or 7x7, attention. A network is trained twice, on the first
1,000 images of each class, and tested on the whole test set.

Score: not measured yet, no table is shipped; one network had 28.5 % after its training.
Cost: 17 CPU-seconds a training with its test, 80 minutes for 120 networks; stop and go on at will.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --make-table --config=configs/search/table_cifar10.py --minutes=10
     effjax search --correlate --table=configs/search/tables/metaformer_cifar10.json
"""

import ml_collections

import effjax
from effjax.search import ArchSpace, Choice, Search
from effjax.search.make_table import MakeTable

FIELDS = {
    "depths": (2, 2),
    "dims": (16, 32),
    "mixers": ("identity", "identity"),
    "kernel_sizes": (3, 3),
    "patch_kernels": (4, 2),
    "patch_strides": (4, 2),
    "patch_pads": (0, 0),
    "layer_scale": (None, None),
    "residual_scale": (None, None),
    "remat": (False, False),
    "mlp_ratio": 2.0,
    "drop_path_rate": 0.0,
    "head": "linear",
}
MIXERS = ("identity", "pooling", "depthwise3", "depthwise7", "attention(head_dim=8)")


def first_thousand(split: str) -> str:
    """The first 1,000 images of each class, of a set of 50,000 sorted by class."""
    return "+".join(f"{split}[{start}:{start + 1000}]" for start in range(0, 50_000, 5000))


def get_config() -> ml_collections.ConfigDict:
    """One training."""
    config = effjax.default_config()
    config.total_steps = 200.0

    config.model.update(name="convformer_s18", **FIELDS)
    config.data.update(name="cifar10", image_size=32, batch_size=64, cache="memory")
    config.data.update(train_split=first_thousand("train"), val_split="test")
    config.data.eval_batch_size = 500
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=10.0)
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
        compare_with=("zero_cost",),
        compare_seeds=1 if is_quick else 3,
    )


def quick(config: ml_collections.ConfigDict) -> None:
    """A table of seconds on synthetic images."""
    config.total_steps = 2.0
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, batch_size=8, synthetic_examples=64, eval_batch_size=16)
