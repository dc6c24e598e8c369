"""ConvFormer on ImageNet-1k with AdamW: 300 epochs at batch 4096, or 30 more at 384 pixels.

Args: s18 (default), s36, m36, b36 from scratch at 224; s18_384, s36_384, m36_384, b36_384 fine-tune
      the published weights at 384 (another start: --config.init_from=FILE); or quick.
Source: MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452, and
        https://github.com/sail-sg/metaformer.
Score: published top-1, not run here: 83.0, 84.1, 84.5, 84.8; at 384: 84.4, 85.4, 85.6, 85.7.
Cost: many days on eight accelerators.
Run: effjax train --config=configs/imagenet/convformer.py:s18
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

ARGS = ("s18", "s36", "m36", "b36", "s18_384", "s36_384", "m36_384", "b36_384")
# size: drop path at 224; drop path and head dropout of fine-tuning at 384
SIZES = {
    "s18": (0.2, 0.3, 0.4),
    "s36": (0.3, 0.5, 0.4),
    "m36": (0.4, 0.8, 0.5),
    "b36": (0.6, 0.8, 0.5),
}


def get_config(variant: str = "s18") -> ml_collections.ConfigDict:
    """The recipe of one size and resolution."""
    size, _, larger = variant.partition("_")
    drop_path, drop_path_384, head_dropout_384 = SIZES[size]

    config = effjax.default_config()
    config.model.update(name=f"convformer_{size}", drop_path_rate=drop_path)
    train_on_imagenet(config, batch_size=4096, eval_crop=1.0)
    augment_strongly(config)
    if larger:
        weights = f"convformer_{size}.sail_in1k"
        fine_tune_at_384(config, weights, drop_path_384, head_dropout_384)
        config.optim.default.update(name="adamw", learning_rate=5e-5, weight_decay=0.05)
    else:
        config.optim.default.update(name="adamw", learning_rate=4e-3, weight_decay=0.05)
        decay_as_timm(config, epochs=300.0, warmup_epochs=20.0, end=1e-5)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
