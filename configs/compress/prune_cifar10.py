"""A small residual network on a fifth of CIFAR-10, pruned at initialisation.

Three stages of one basic block; 10,000 images for training, all 10,000 test images.
`--compare` trains the method's masks beside those masks shuffled, as many random weights in each
layer, and the dense network.

Score: with 1 % of the weights and 4 epochs 25.7 % test top-1, shuffled 26.4 %, random 27.4 %, dense
       42.9 %, three seeds; 3 and 10 % are in docs/compress.md.
Cost: about 70 seconds a training of 4 epochs on one CPU core.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax compress --config=configs/compress/prune_cifar10.py --compare --config.task.density=0.03
"""

import ml_collections

import effjax


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def get_config() -> ml_collections.ConfigDict:
    """A sparse residual network on a fifth of CIFAR-10."""
    config = effjax.default_config()
    config.total_epochs = 6.0

    config.task.update(name="prune", method="synflow", density=0.1, keep="fc")
    config.model.update(
        name="resnet50",
        block="basic",
        depths=(1, 1, 1),
        dims=(12, 24, 48),
        strides=(1, 2, 2),
        stem_kernel=3,
        stem_stride=1,
        stem_pool=False,
        remat=(False, False, False),
    )
    config.data.update(name="cifar10", image_size=32, batch_size=64, cache="memory")
    config.data.update(train_split=a_fifth("train"), val_split="test", eval_batch_size=250)
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.evals.val.every_percent = 100.0
    config.checkpoint.every_percent = 100.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=4.0)
    config.task.rounds = 3
    config.model.update(dims=(4, 4, 4))
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(image_size=16, synthetic_examples=256)
