"""A small CAFormer on a fifth of CIFAR-10, and what is left of it at a share of its multiply-adds.

Two stages of two blocks; 10,000 images for training, all 10,000 test images. `--compare` cuts the
trained network to each budget and trains what is left, taught by the original, beside the same
share of each layer, the same small network from scratch, and that one with the teacher.

Score: docs/compress.md has three seeds of 4 epochs.
Cost: `--compare` makes 13 trainings for each seed, of half a minute of CPU each at 4 epochs.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax compress --config=configs/compress/narrow_cifar10.py --compare
         --budget=macs:0.25x,macs:0.5x,macs:0.75x --seeds=3
"""

import ml_collections

import effjax


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def get_config() -> ml_collections.ConfigDict:
    """The training of the original, and of what is left of it."""
    config = effjax.default_config()
    config.total_epochs = 6.0

    config.model.update(
        name="caformer_s18",
        depths=(2, 2),
        dims=(24, 48),
        mixers=("separable_conv", "attention(head_dim=8)"),
        kernel_sizes=(3, 3),
        patch_kernels=(4, 2),
        patch_strides=(4, 2),
        patch_pads=(0, 0),
        layer_scale=(None, None),
        residual_scale=(None, None),
        remat=(False, False),
        drop_path_rate=0.0,
        head="linear",
    )
    config.data.update(name="cifar10", image_size=32, batch_size=64, cache="memory")
    config.data.update(train_split=a_fifth("train"), val_split="test", eval_batch_size=500)
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.evals.val.every_percent = 100.0
    config.checkpoint.every_percent = 100.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=4.0)
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, synthetic_examples=128, batch_size=32, eval_batch_size=32)
