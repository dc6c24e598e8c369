"""The published ImageNet recipes of Adan: supervised training from scratch at batch 2048.

Args: resnet50_100, resnet50_200, resnet50_300, resnet101_100, resnet101_200, resnet101_300,
      convnext_tiny_150, convnext_tiny_300, vit_small_150 (default), vit_small_300, vit_base_150,
      vit_base_300: architecture and epochs; vit_small_bce_150, vit_small_bce_300: the other
      published setting of ViT-S, with less augmentation; or quick.
Score: published top-1 (https://github.com/sail-sg/Adan), not run here: ResNet-50 78.1 / 79.7 /
       80.2, ResNet-101 80.0 / 81.6 / 81.9, ConvNeXt-T 81.7 / 82.4, ViT-S 79.6 / 80.7 and
       80.1 / 81.1 (bce), ViT-B 81.7 / 82.6.
Cost: eight accelerators for a day or more.
Augmentation follows DeiT, with the exceptions that the released configs name.
Run: effjax train --config=configs/optim/adan.py:vit_small_150
"""

import ml_collections
from _optim import shrink

import effjax

# architecture_epochs: model, peak rate, lowest rate, warm-up epochs, b3, weight decay, clipping,
# whether all parameters decay, drop path
RECIPES = {
    "resnet50_100": ("resnet50", 3e-2, 1e-6, 60.0, 0.99, 0.02, 5.0, True, 0.05),
    "resnet50_200": ("resnet50", 1.5e-2, 1e-4, 60.0, 0.99, 0.02, 5.0, True, 0.05),
    "resnet50_300": ("resnet50", 1.5e-2, 1e-5, 60.0, 0.99, 0.02, 5.0, True, 0.05),
    "resnet101_100": ("resnet101", 1e-2, 1e-4, 40.0, 0.99, 0.02, 5.0, True, 0.1),
    "resnet101_200": ("resnet101", 1.5e-2, 1e-4, 60.0, 0.99, 0.02, 5.0, True, 0.1),
    "resnet101_300": ("resnet101", 1.5e-2, 1e-5, 90.0, 0.99, 0.02, 5.0, True, 0.2),
    "convnext_tiny_150": ("convnext_tiny", 1.5e-2, 1e-4, 60.0, 0.99, 0.04, None, False, 0.1),
    "convnext_tiny_300": ("convnext_tiny", 1.6e-2, 1e-4, 150.0, 0.90, 0.02, None, False, 0.1),
    "vit_small_150": ("vit_small_patch16_224", 1.5e-2, 1e-5, 60.0, 0.99, 0.02, None, False, 0.1),
    "vit_small_300": ("vit_small_patch16_224", 1.5e-2, 1e-5, 60.0, 0.99, 0.02, None, False, 0.1),
    "vit_small_bce_150": (
        "vit_small_patch16_224",
        1.5e-2,
        1e-8,
        60.0,
        0.99,
        0.02,
        None,
        False,
        0.05,
    ),
    "vit_small_bce_300": (
        "vit_small_patch16_224",
        2.121e-2,
        1e-8,
        80.0,
        0.99,
        0.02,
        None,
        False,
        0.05,
    ),
    "vit_base_150": ("vit_base_patch16_224", 1.5e-2, 1e-8, 60.0, 0.99, 0.02, 5.0, True, 0.1),
    "vit_base_300": ("vit_base_patch16_224", 1.5e-2, 1e-6, 90.0, 0.99, 0.02, 5.0, True, 0.2),
}


ARGS = RECIPES


def get_config(name: str = "vit_small_150") -> ml_collections.ConfigDict:
    """The recipe of one architecture and length."""
    model, peak, lowest, warmup, b3, weight_decay, clip, everywhere, drop_path = RECIPES[name]

    config = effjax.default_config()
    config.total_epochs = float(name.rsplit("_", 1)[1])
    config.model.update(name=model, drop_path_rate=drop_path)
    config.data.update(name="imagenet2012", batch_size=2048, workers=8, eval_crop=0.875)
    config.data.augment.update(randaugment="rand-m9-mstd0.5-inc1")
    config.mix.update(mixup=0.8, cutmix=1.0, label_smoothing=0.1, erase_prob=0.25)
    if model in ("resnet50", "resnet101"):
        config.mix.update(mixup=0.1, label_smoothing=0.0, erase_prob=0.0)
    if "_bce_" in name:
        config.mix.update(mixup=0.2, label_smoothing=0.0, erase_prob=0.0)
    if model not in ("convnext_tiny", "vit_base_patch16_224"):
        config.task.loss = "binary_cross_entropy"
    if model == "vit_base_patch16_224":
        config.data.augment.repeats = 3
    config.optim.default.update(
        name="adan", learning_rate=peak, b3=b3, weight_decay=weight_decay, max_grad_norm=clip
    )
    if everywhere:
        config.optim.default.decay = ((r".*", True),)
    config.schedule.update(name="cosine", warmup_epochs=warmup, end=lowest)
    if name == "convnext_tiny_300":
        config.ema.decay = 0.9999
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config)
