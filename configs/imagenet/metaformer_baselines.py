"""IdentityFormer, RandFormer and PoolFormerV2 on ImageNet-1k: 300 epochs at batch 4096 with AdamW.

Args: FAMILY_SIZE, where FAMILY is identityformer, randformer or poolformerv2 and SIZE is s12, s24,
      s36, m36 or m48; poolformerv2_s12 (default); or quick.
Source: MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452, and
        https://github.com/sail-sg/metaformer.
Score: published top-1, not run here: IdentityFormer 74.6, 78.2, 79.3, 80.0, 80.4; RandFormer
       76.6, 78.2, 79.5, 81.2, 81.4; PoolFormerV2 78.0, 80.7, 81.6, 82.2, 82.6.
Cost: as PoolFormer of the same size: days on eight accelerators.
Run: effjax train --config=configs/imagenet/metaformer_baselines.py:identityformer_s12
"""

import ml_collections
from _imagenet import augment_strongly, decay_as_timm, shrink, train_on_imagenet

import effjax

ARGS = (
    "identityformer_s12", "identityformer_s24", "identityformer_s36", "identityformer_m36",
    "identityformer_m48", "randformer_s12", "randformer_s24", "randformer_s36", "randformer_m36",
    "randformer_m48", "poolformerv2_s12", "poolformerv2_s24", "poolformerv2_s36",
    "poolformerv2_m36", "poolformerv2_m48",
)  # fmt: skip
# drop path of IdentityFormer and PoolFormerV2, of RandFormer
DROP_PATH = {
    "s12": (0.1, 0.1),
    "s24": (0.1, 0.1),
    "s36": (0.2, 0.2),
    "m36": (0.3, 0.3),
    "m48": (0.4, 0.3),
}


def get_config(name: str = "poolformerv2_s12") -> ml_collections.ConfigDict:
    """The recipe of one family and size."""
    family, size = name.split("_")
    drop_path = DROP_PATH[size][family == "randformer"]

    config = effjax.default_config()
    config.model.update(name=name, drop_path_rate=drop_path)
    train_on_imagenet(config, batch_size=4096, eval_crop=1.0)
    augment_strongly(config)
    config.optim.default.update(name="adamw", learning_rate=4e-3, weight_decay=0.05)
    decay_as_timm(config, epochs=300.0, warmup_epochs=5.0, end=1e-5)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
