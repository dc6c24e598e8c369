"""ViT on ImageNet-1k from scratch, trained as DeiT: 300 epochs at batch 1024 with AdamW.

Args: tiny, small (default), base; or quick.
Source: Training data-efficient image transformers, https://arxiv.org/abs/2012.12877, without
        distillation (its table of ingredients, recalled).
Score: published top-1, not run here: 72.2, 79.8, 81.8.
Cost: days on eight accelerators.
Run: effjax train --config=configs/imagenet/vit.py:small
"""

import ml_collections
from _imagenet import augment_strongly, decay_as_timm, shrink, train_on_imagenet

import effjax

ARGS = ("tiny", "small", "base")


def get_config(size: str = "small") -> ml_collections.ConfigDict:
    """The recipe of one size."""
    config = effjax.default_config()
    config.model.update(name=f"vit_{size}_patch16_224", drop_path_rate=0.1)
    train_on_imagenet(config, batch_size=1024, eval_crop=0.875)
    augment_strongly(config)
    config.data.augment.update(interpolation="bicubic", repeats=3)
    config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.05)
    decay_as_timm(config, epochs=300.0, warmup_epochs=5.0, end=1e-5)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depth=2, width=32, heads=2)
