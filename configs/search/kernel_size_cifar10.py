"""Kernel sizes of a 4-block ConvFormer on 10,000 images of CIFAR-10: does the search pay?

Two stages of two blocks on maps of 16x16 and 8x8; windows of 1 to 11, under the multiply-adds of 7
everywhere (of the depthwise convolutions alone: they are 15 % of all). The search takes 125 steps,
the network it finds is trained for 1,560. In so few steps kernels hardly leave their random start,
so the sizes themselves say what is kept, not the kernels' energy.

Score: see benchmarks/RESULTS.md, "Kernel sizes", with what was run of it.
Cost: minutes a training on two CPU cores; `--compare` makes 8 trainings for each of 5 seeds.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --config=configs/search/kernel_size_cifar10.py --compare
"""

import ml_collections

import effjax
from effjax.config import to_config
from effjax.runs.schema import OptimConfig


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def get_config() -> ml_collections.ConfigDict:
    """A search on a fifth of CIFAR-10."""
    config = effjax.default_config()
    config.total_epochs = 0.4

    config.task.update(
        name="kernel_search",
        max_size=11,
        budget_sizes=(7,),
        rule="nearest",
        compare_arms=("found", "uniform", "trim", "random"),
        compare_epochs=5.0,
    )
    config.model.update(
        name="convformer_s18",
        depths=(2, 2),
        dims=(12, 24),
        mixers=("separable_conv", "separable_conv"),
        kernel_sizes=(7, 7),
        patch_kernels=(3, 3),
        patch_strides=(2, 2),
        patch_pads=(1, 1),
        layer_scale=(None, None),
        residual_scale=(None, None),
        remat=(False, False),
        drop_path_rate=0.0,
    )
    config.data.update(name="cifar10", image_size=32, batch_size=32, cache="memory")
    config.data.update(train_split=a_fifth("train"), val_split=a_fifth("test"))
    config.data.eval_batch_size = 250
    config.data.augment.update(crop="pad", pad=4)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.optim.sizes = to_config(OptimConfig)
    config.optim.sizes.update(name="adam", learning_rate=5e-3)
    config.optim.kernels = to_config(OptimConfig)
    config.optim.kernels.update(name="adan", learning_rate=4e-3)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.checkpoint.every_percent = 100.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=4.0)
    config.task.update(compare_seeds=2, compare_random=1, compare_epochs=None, max_size=7)
    config.task.budget_sizes = (5,)
    config.model.update(depths=(1, 1), dims=(8, 8))
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, synthetic_examples=256)
