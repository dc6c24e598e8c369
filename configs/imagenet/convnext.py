"""ConvNeXt on ImageNet-1k from scratch: 300 epochs at batch 4096 with AdamW and averaged weights.

Args: tiny (default), small, base, large; or quick.
Source: A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545, and
        https://github.com/facebookresearch/ConvNeXt.
Score: published top-1, not run here: 82.1, 83.1, 83.8, 84.3.
Cost: many days on eight accelerators.
Run: effjax train --config=configs/imagenet/convnext.py:tiny
"""

import ml_collections
from _imagenet import augment_strongly, shrink, train_on_imagenet

import effjax

ARGS = ("tiny", "small", "base", "large")
DROP_PATH = {"tiny": 0.1, "small": 0.4, "base": 0.5, "large": 0.5}


def get_config(size: str = "tiny") -> ml_collections.ConfigDict:
    """The recipe of one size."""
    config = effjax.default_config()
    config.total_epochs = 300.0
    config.model.update(name=f"convnext_{size}", drop_path_rate=DROP_PATH[size])
    train_on_imagenet(config, batch_size=4096, eval_crop=0.875)
    augment_strongly(config)
    config.data.augment.interpolation = "bicubic"
    config.optim.default.update(name="adamw", learning_rate=4e-3, weight_decay=0.05)
    config.schedule.update(name="cosine", warmup_epochs=20.0, end=1e-6)
    config.ema.update(decay=0.9999, warmup=False)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
