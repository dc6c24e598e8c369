"""PoolFormer on ImageNet-1k from scratch: 300 epochs at batch 1024 with AdamW.

Args: s12 (default), s24, s36, m36, m48; or quick.
Source: MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418, and
        https://github.com/sail-sg/poolformer (the README's command; a rate of 2e-3 is sometimes
        better).
Score: published top-1, not run here: 77.2, 80.3, 81.4, 82.1, 82.5.
Cost: 14 (s12) to 89 PFLOP (m48) an epoch, forward and backward: days on eight accelerators.
Run: effjax train --config=configs/imagenet/poolformer.py:s12
"""

import ml_collections
from _imagenet import augment_strongly, decay_as_timm, shrink, train_on_imagenet

import effjax

ARGS = ("s12", "s24", "s36", "m36", "m48")
# size: drop path, share of the image that evaluation looks at
SIZES = {
    "s12": (0.1, 0.9),
    "s24": (0.1, 0.9),
    "s36": (0.2, 0.9),
    "m36": (0.3, 0.95),
    "m48": (0.4, 0.95),
}


def get_config(size: str = "s12") -> ml_collections.ConfigDict:
    """The recipe of one size."""
    drop_path, eval_crop = SIZES[size]

    config = effjax.default_config()
    config.model.update(name=f"poolformer_{size}", head="published", drop_path_rate=drop_path)
    train_on_imagenet(config, batch_size=1024, eval_crop=eval_crop)
    augment_strongly(config)
    config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.05)
    decay_as_timm(config, epochs=300.0, warmup_epochs=5.0, end=1e-5)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
