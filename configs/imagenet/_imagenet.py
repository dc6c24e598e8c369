"""What the ImageNet recipes of this folder have in common: data, timm's augmentation and schedule.

The published runs are of timm-style training scripts with the same defaults; a recipe says what it
changes. Two things differ on purpose: the rate follows updates, not epochs, and the mixing of
images is drawn for blocks of eight, not for the batch of a device.
"""

import ml_collections

import effjax

IMAGES = 1_281_167  # of ImageNet-1k's training split


def train_on_imagenet(config: ml_collections.ConfigDict, batch_size: int, eval_crop: float) -> None:
    """ImageNet-1k as TFDS has prepared it as ArrayRecord (or give a folder: --config.data.name)."""
    config.data.update(name="imagenet2012", batch_size=batch_size, workers=8, eval_crop=eval_crop)
    config.evals.val.every_epochs = 10.0
    config.checkpoint.update(every_epochs=1.0, keep_best="val/top1")


def augment_strongly(config: ml_collections.ConfigDict) -> None:
    """timm's usual recipe: crop, flip, RandAugment, mixup or cutmix, smoothing, random erasing."""
    config.data.augment.update(
        crop="random_resized",
        scale=(0.08, 1.0),
        ratio=(3 / 4, 4 / 3),
        interpolation="random",
        hflip=0.5,
        randaugment="rand-m9-mstd0.5-inc1",
    )
    config.mix.update(mixup=0.8, cutmix=1.0, prob=1.0, switch_prob=0.5, label_smoothing=0.1)
    config.mix.update(erase_prob=0.25, erase_mode="pixel")


def decay_as_timm(
    config: ml_collections.ConfigDict,
    epochs: float,
    warmup_epochs: float,
    end: float,
    warmup_init: float = 1e-6,
    cooldown_epochs: float = 10.0,
) -> None:
    """Linear warm-up, a cosine that does not wait for it, then some epochs at the lowest rate."""
    config.total_epochs = epochs + cooldown_epochs
    steps = IMAGES // config.data.batch_size
    config.schedule.update(
        name="cosine",
        warmup_epochs=warmup_epochs,
        warmup_init=warmup_init,
        end=end,
        shifted=False,
        hold_steps=int(cooldown_epochs * steps),
    )


def fine_tune_at_384(
    config: ml_collections.ConfigDict, init_from: str, drop_path: float, head_dropout: float
) -> None:
    """The authors' 30 epochs at 384 pixels: constant rate, neither mixup nor cutmix, with EMA."""
    config.init_from = init_from
    config.total_epochs = 30.0
    config.data.update(image_size=384, batch_size=1024, eval_crop=1.0)
    config.mix.update(mixup=0.0, cutmix=0.0)
    config.model.update(drop_path_rate=drop_path, head_dropout=head_dropout)
    config.schedule = effjax.default_config().schedule
    config.schedule.name = "constant"
    config.ema.update(decay=0.9999, warmup=False)


def shrink(config: ml_collections.ConfigDict, **architecture: object) -> None:
    """Four steps of a tiny network on synthetic images, through the same code."""
    config.update(init_from=None, total_epochs=None, total_steps=4.0)
    config.model.update(**architecture)
    config.data.update(name="synthetic", batch_size=16, workers=0, image_size=64, eval_size=None)
    config.data.update(synthetic_examples=32, synthetic_classes=8)
    if "warmup_epochs" in config.schedule:
        config.schedule.warmup_epochs = 0.0
    if "hold_steps" in config.schedule:
        config.schedule.hold_steps = 1
    config.evals.val.every_epochs = None
