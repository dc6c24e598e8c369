"""MAE on CIFAR-10, or any small images: a tiny ViT that hides three quarters of its patches.

Args: none, or quick.
Score: docs/selfsup.md has a smaller network beside one from scratch. k-NN is no monitor of MAE.
Cost: not measured on a machine of its own.
Run: effjax train --config=configs/pretrain/mae_cifar10.py --workdir=runs/mae
     then effjax train --config=configs/pretrain/finetune_cifar10.py:runs/mae
"""

import ml_collections

import effjax

# four patches a side of eight are seen: 64 patches of 4 pixels
ENCODER = {"width": 96, "depth": 6, "heads": 3, "patch_size": 4}
CIFAR10 = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}


def get_config() -> ml_collections.ConfigDict:
    """The pre-training."""
    config = effjax.default_config()
    config.total_epochs = 60.0
    config.task.update(
        name="masked_images",
        mask_ratio=0.75,
        decoder_width=64,
        decoder_depth=2,
        decoder_heads=2,
    )
    config.model.update(name="vit_tiny_patch16_224", **ENCODER)
    config.data.update(
        name="cifar10", val_split="test", image_size=32, batch_size=256, cache="memory", **CIFAR10
    )
    config.data.augment.update(scale=(0.2, 1.0), interpolation="bicubic")
    config.optim.default.update(name="adamw", learning_rate=1.5e-3, b2=0.95, weight_decay=0.05)
    config.schedule.update(name="cosine", warmup_epochs=5.0)
    config.evals.val.update(evaluator="reconstruction", every_epochs=10.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.evals.val.every_epochs = None
    config.model.update(width=32, depth=2, heads=2)
    config.task.update(decoder_width=32, decoder_depth=1)
    config.data.update(name="synthetic", val_split="validation", batch_size=16)
    config.data.synthetic_examples = 32
