"""Token mixers of a small MetaFormer on 10,000 images of CIFAR-10, under a budget.

Two stages of two blocks on maps of 8x8 and 4x4; each block has one of four mixers, the network one
of two widths: 512 networks of 4,000 to 40,000 parameters. An evaluation trains for half of the 312
steps; what is found is trained for all of them.

Arg `latency`: mixers alone, at widths of 16 and 32, under a budget of latency; with `--compare`
evolution, the shortlist of zero-cost scores and PR-DARTS beside random search.

Score: `latency`: 26.9 to 28.6 % with six arms, none told apart from random search (docs/search.md).
Cost: 20 trainings of 156 steps, half a minute each on two CPU cores, most of it compilation.
      `latency` with `--compare`: 18 minutes on one core.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --config=configs/search/mixers_cifar10.py
     effjax search --config=configs/search/mixers_cifar10.py --budget="latency:8 ms"
     effjax search --config=configs/search/mixers_cifar10.py --strategy=pr_darts --workdir=D
     effjax search --config=configs/search/mixers_cifar10.py --compare
     effjax profile --config=configs/search/mixers_cifar10.py:latency --latency-table=mixers.json
     effjax search --config=configs/search/mixers_cifar10.py:latency --compare \\
         --latency-table=mixers.json
Args: latency
"""

import ml_collections

import effjax
from effjax.search import ArchSpace, Budget, Choice, Search

MIXERS = ("identity", "pooling", "depthwise3", "attention(head_dim=8)")
WIDTHS = ((12, 24), (20, 40))  # of both stages
ARGS = ("latency",)
FIELDS = {
    "depths": (2, 2),
    "dims": (16, 32),
    "mixers": ("separable_conv", "separable_conv"),
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


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The training of a network, of which a search takes a part."""
    del arg  # both spaces are trained alike
    config = effjax.default_config()
    config.total_steps = 312.0

    config.model.update(name="convformer_s18", **FIELDS)
    config.data.update(name="cifar10", image_size=32, batch_size=64, cache="memory")
    config.data.update(train_split=a_fifth("train"), val_split="test")
    config.data.eval_batch_size = 500
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    return config


def search(arg: str | None = None) -> Search:
    """The space and what is spent on it."""
    choices = []
    for stage in range(2):
        for block in range(2):
            choices.append(Choice(f"stages_{stage}.blocks_{block}.mixer", MIXERS))
    if arg == "latency":
        return under_latency(choices)
    choices.append(Choice("dims", WIDTHS))
    is_quick = arg == "quick"
    return Search(
        space=ArchSpace("convformer_s18", choices, **FIELDS),
        strategy="evolution",
        budget=Budget("macs", "1.0x"),
        evaluations=3 if is_quick else 20,
        share=0.5,
        options={"population": 8, "tournament": 3},
        compare_with=("bayes",),
        compare_seeds=1 if is_quick else 3,
    )


def under_latency(choices: list[Choice]) -> Search:
    """256 networks that differ in their mixers alone, each search of five short trainings."""
    return Search(
        space=ArchSpace("convformer_s18", choices, **FIELDS),
        strategy="evolution",
        budget=Budget("latency", "0.8x"),
        evaluations=5,
        share=0.5,
        options={"population": 3, "tournament": 2},
        compare_with=("zero_cost", "pr_darts"),
        compare_options={arm: {"samples": 20} for arm in ("zero_cost", "params", "macs")},
        compare_seeds=3,
    )


def quick(config: ml_collections.ConfigDict) -> None:
    """A search of seconds on synthetic images."""
    config.total_steps = 4.0
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, synthetic_examples=128, batch_size=32, eval_batch_size=32)
