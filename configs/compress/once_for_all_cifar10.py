"""One CAFormer on a fifth of CIFAR-10 from which smaller ones are cut, at three resolutions.

Windows, depths, widths, MLP ratios and resolutions are elastic: 10,000 images for training, 2,000
that sub-networks are compared by, all 10,000 test images.

Score: not measured yet.
Cost: about a quarter of an hour on two CPU cores, estimated from the steps of the digits.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax compress --config=configs/compress/once_for_all_cifar10.py
     effjax compress --workdir=runs/once_for_all_cifar10 --budget=macs:0.3x
"""

import ml_collections

import effjax


def tenths(split: str, first: int, count: int) -> str:
    """Ten slices of `count` percent: as many of each class if the split is sorted by class."""
    slices = []
    for start in range(first, 100, 10):
        slices.append(f"{split}[{start}%:{start + count}%]")
    return "+".join(slices)


def get_config() -> ml_collections.ConfigDict:
    """An elastic CAFormer on a fifth of CIFAR-10."""
    config = effjax.default_config()
    config.total_epochs = 12.0

    config.task.update(name="elastic", kernels=(3, 5), widths=(0.5, 0.75), mlp_ratios=(2.0, 3.0))
    config.task.update(children=1, image_sizes=(16, 24, 32), size_order="draw")
    config.task.search_split = tenths("train", first=5, count=1)
    config.model.update(
        name="caformer_s18",
        depths=(2, 2, 2),
        dims=(32, 64, 128),
        mixers=("separable_conv", "separable_conv", "attention"),
        kernel_sizes=(7, 7, 7),
        patch_kernels=(3, 3, 3),
        patch_strides=(2, 2, 2),
        patch_pads=(1, 1, 1),
        layer_scale=(None, None, None),
        residual_scale=(None, None, 1.0),
        remat=(False, False, False),
        drop_path_rate=0.0,
    )
    config.data.update(name="cifar10", image_size=32, batch_size=64, cache="memory")
    config.data.update(train_split=tenths("train", first=0, count=2), val_split="test")
    config.data.eval_batch_size = 250
    config.data.augment.update(crop="pad", pad=4)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.evals.val.every_percent = 50.0
    config.checkpoint.every_percent = 50.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=4.0)
    config.model.update(depths=(2, 1, 1), dims=(16, 16, 16))
    config.task.update(image_sizes=(), pairs=6, search_split=None)
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, synthetic_examples=256)
