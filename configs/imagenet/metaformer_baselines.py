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
from _imagenet import augment_strongly, choose, decay_as_timm, shrink, train_on_imagenet

import effjax

# drop path of IdentityFormer and PoolFormerV2, of RandFormer
DROP_PATH = {
    "s12": (0.1, 0.1),
    "s24": (0.1, 0.1),
    "s36": (0.2, 0.2),
    "m36": (0.3, 0.3),
    "m48": (0.4, 0.3),
}
FAMILIES = ("identityformer", "randformer", "poolformerv2")
NAMES = [f"{family}_{size}" for family in FAMILIES for size in DROP_PATH]


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The recipe of one family and size; `quick` makes it a run of seconds."""
    name = choose(arg, NAMES, "poolformerv2_s12", "metaformer_baselines.py")
    family, size = name.split("_")
    drop_path = DROP_PATH[size][family == "randformer"]

    config = effjax.default_config()
    config.model.update(name=name, drop_path_rate=drop_path)
    train_on_imagenet(config, batch_size=4096, eval_crop=1.0)
    augment_strongly(config)
    config.optim.default.update(name="adamw", learning_rate=4e-3, weight_decay=0.05)
    decay_as_timm(config, epochs=300.0, warmup_epochs=5.0, end=1e-5)

    if arg == "quick":
        shrink(config, depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
    return config
