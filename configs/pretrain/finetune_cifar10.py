"""Fine-tunes a pre-trained tiny ViT on CIFAR-10 with labels, or trains it from scratch.

Args: RUN, the folder of a pre-training (runs/mae); none: from scratch, all else the same; quick.
Score: docs/selfsup.md has both arms of a smaller network, configs/ablations/masked_images.py.
Cost: not measured on a machine of its own.
Run: effjax train --config=configs/pretrain/finetune_cifar10.py:runs/mae
"""

import ml_collections

import effjax

ARGS = ("RUN",)
ENCODER = {"width": 96, "depth": 6, "heads": 3, "patch_size": 4}
CIFAR10 = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}


def get_config(start: str = "") -> ml_collections.ConfigDict:
    """The same training for a run to start from, or for none."""
    config = effjax.default_config()
    config.total_epochs = 10.0
    config.model.update(name="vit_tiny_patch16_224", **ENCODER)
    if start:
        config.init_from = start
    config.data.update(
        name="cifar10", val_split="test", image_size=32, batch_size=128, cache="memory", **CIFAR10
    )
    config.data.augment.update(crop="pad", pad=4)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.05)
    config.optim.default.layer_decay = 0.75 if start else None
    config.schedule.update(name="cosine", warmup_epochs=1.0, end=1e-6)
    config.evals.val.every_epochs = 2.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.evals.val.every_epochs = None
    config.model.update(width=32, depth=2, heads=2)
    config.data.update(name="synthetic", val_split="validation", batch_size=16)
    config.data.synthetic_examples = 32
