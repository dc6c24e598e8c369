"""InceptionNeXt on ImageNet-1k with AdamW: 300 epochs at batch 4096 (atto: 600 at 1280).

Args: atto, tiny (default), small, base from scratch at 224; base_384 fine-tunes the published
      weights for 30 epochs at 384 (another start: --config.init_from=FILE); or quick.
Source: InceptionNeXt, https://arxiv.org/abs/2303.16900, and
        https://github.com/sail-sg/inceptionnext, by intent where its scripts name another size.
Score: published top-1, not run here: 75.3, 82.3, 83.5, 84.0; base_384 85.2.
Cost: many days on eight accelerators.
Run: effjax train --config=configs/imagenet/inceptionnext.py:tiny
"""

import ml_collections
from _imagenet import (
    augment_strongly,
    decay_as_timm,
    fine_tune_at_384,
    shrink,
    train_on_imagenet,
)

import effjax

ARGS = ("atto", "tiny", "small", "base", "base_384")
DROP_PATH = {"atto": 0.1, "tiny": 0.1, "small": 0.3, "base": 0.4}


def get_config(name: str = "tiny") -> ml_collections.ConfigDict:
    """The recipe of one size and resolution."""
    size = name.partition("_")[0]

    config = effjax.default_config()
    config.model.update(name=f"inception_next_{size}", drop_path_rate=DROP_PATH[size])
    train_on_imagenet(config, batch_size=1280 if size == "atto" else 4096, eval_crop=0.875)
    augment_strongly(config)
    config.optim.default.update(name="adamw", learning_rate=4e-3, weight_decay=0.05)
    if name == "base_384":
        fine_tune_at_384(config, "inception_next_base.sail_in1k", 0.7, 0.5)
        config.optim.default.learning_rate = 5e-5
    elif name == "atto":
        # a magnitude drawn evenly up to 5
        config.data.augment.randaugment = "rand-m5-mstd101-inc1"
        config.mix.update(mixup=0.2, erase_prob=0.1)
        config.optim.default.learning_rate = 1e-3
        decay_as_timm(config, epochs=600.0, warmup_epochs=5.0, end=5e-7, warmup_init=5e-7)
    else:
        decay_as_timm(config, epochs=300.0, warmup_epochs=20.0, end=1e-5)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
