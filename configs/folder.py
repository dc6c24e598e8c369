"""Your own photographs, in class folders or an archive of them: a small CAFormer from scratch.

Images of 64x64 pixels, flipped and cropped at random; a broken file is skipped with a warning.

Score: depends on the images; 10 classes of photographs, 350 of each: see docs/own_images.md.
Cost: about five minutes on two CPU cores for 3,500 images.
Run: effjax train --config=configs/folder.py --config.data.name=photos.zip --workdir=runs/photos
"""

import ml_collections

import effjax


def get_config() -> ml_collections.ConfigDict:
    """A small CAFormer on your images."""
    config = effjax.default_config()
    config.total_epochs = 30.0

    config.model.update(
        name="caformer_s18",
        depths=(1, 1, 2, 1),
        dims=(32, 64, 128, 192),
        drop_path_rate=0.05,
    )
    config.data.update(
        name="photos", image_size=64, batch_size=64, eval_crop=1.0, cache="memory", on_error="skip"
    )
    config.data.augment.update(scale=(0.35, 1.0), color_jitter=0.2)
    config.mix.update(mixup=0.2, cutmix=1.0, prob=0.5, label_smoothing=0.1)
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_epochs=2.0)
    config.evals.val.every_epochs = 5.0
    config.checkpoint.every_epochs = 5.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=6.0)
    config.schedule.warmup_epochs = 0.0
    config.data.update(name="synthetic", synthetic_examples=128, image_size=32)
    config.evals.val.every_epochs = None
    config.checkpoint.every_epochs = None
