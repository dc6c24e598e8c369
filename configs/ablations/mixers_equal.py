"""What mixes tokens, at equal multiply-adds: the MLPs are wider where the mixer is cheap.

All networks take 14.5 million multiply-adds an image, to half a percent; `mixers` compares the same
mixers at equal widths. Trained on a fifth of CIFAR-10, tested on its whole test set.

Source: MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418, table 5;
        MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452, on the order of stages.
Score: see docs/claims.md, mixer_matters_little and stage_order.
Cost: 18 runs, about 30 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/mixers_equal.py --config.data.name=FOLDER/cifar10
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

CONV, ATTENTION = ("separable_conv",), ("attention",)
SIZES = (7,) * 4  # of kernels, where there is one


def variant(mixers: tuple[str, ...], mlp_ratio: float, **fields: object) -> dict[str, object]:
    """Keys of the config, for the mixers of the four stages."""
    point = {"model.mixers": mixers, "model.mlp_ratio": mlp_ratio}
    for name, value in fields.items():
        point[f"model.{name}"] = value
    return point


VARIANTS = {
    "pooling": variant(("pooling",) * 4, 8.0),
    "identity": variant(("identity",) * 4, 8.0),
    "random": variant(("identity", "identity", "random", "random"), 8.0),
    "convolution": variant(CONV * 4, 5.0625, kernel_sizes=SIZES),
    "attention": variant(ATTENTION * 4, 2.75),
    "conv, conv, attention, attention": variant(
        CONV * 2 + ATTENTION * 2, 5.125, kernel_sizes=SIZES
    ),
    "attention, attention, conv, conv": variant(
        ATTENTION * 2 + CONV * 2, 2.625, kernel_sizes=SIZES
    ),
}


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    config = small_metaformer("poolformerv2_s12")
    config.total_epochs = 4.0
    config.schedule.update(warmup_epochs=None, warmup_percent=10.0)
    config.data.update(name="cifar10", train_split=a_fifth("train"), val_split="test")
    config.data.update(eval_batch_size=250)
    config.data.augment.update(crop="pad", pad=4, hflip=0.5)
    config.evals.val.update(every_epochs=None, every_percent=100.0)
    return config


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
