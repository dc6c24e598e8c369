"""Adan's published fine-tuning of a ViT-B that was pre-trained as a masked autoencoder.

Args: none, or quick.
Score: published top-1 83.8 after 100 epochs (https://github.com/sail-sg/Adan), not run here.
Cost: eight accelerators for a day. Batch 2048, layer decay 0.65, drop path 0.1.
Weights: convert the encoder of the MAE authors to safetensors with timm's names and give it as
       `init_from`; without it the network starts afresh and the score does not hold.
Run: effjax train --config=configs/optim/adan_mae.py --config.init_from=mae_vit_base.safetensors
"""

import ml_collections
from _optim import shrink

import effjax


def get_config() -> ml_collections.ConfigDict:
    """The fine-tuning."""
    config = effjax.default_config()
    config.total_epochs = 100.0
    config.model.update(name="vit_base_patch16_224", drop_path_rate=0.1)
    config.data.update(name="imagenet2012", batch_size=2048, workers=8, eval_crop=0.875)
    config.data.augment.update(randaugment="rand-m9-mstd0.5-inc1")
    config.mix.update(mixup=0.8, cutmix=1.0, label_smoothing=0.1, erase_prob=0.25)
    config.optim.default.update(
        name="adan", learning_rate=1.5e-2, weight_decay=5e-3, layer_decay=0.65
    )
    config.schedule.update(name="cosine", warmup_epochs=40.0, end=1e-6)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config)
