"""ResNet on ImageNet-1k from scratch: the original 90 epochs, or the A1, A2, A3 of 2021.

Args: LAYERS-RECIPE, where LAYERS is 18, 34, 50 or 101 and RECIPE is original, a1, a2 or a3;
      50-a2 (default); or quick.
Source: ResNet strikes back, https://arxiv.org/abs/2110.00476 (a1, a2, a3; published for 50 layers;
        recalled, not read again), and Deep Residual Learning, https://arxiv.org/abs/1512.03385
        (original, with the warm-up and the batch of https://arxiv.org/abs/1706.02677).
Score: published top-1 of 50 layers, not run here: original 76.2, a1 80.4, a2 79.8, a3 78.1.
Cost: a day (a3) to a week (a1) on eight accelerators.
Run: effjax train --config=configs/imagenet/resnet.py:50-a2
"""

import ml_collections
from _imagenet import shrink, train_on_imagenet

import effjax

ARGS = (
    "18-original", "18-a1", "18-a2", "18-a3", "34-original", "34-a1", "34-a2", "34-a3",
    "50-original", "50-a1", "50-a2", "50-a3", "101-original", "101-a1", "101-a2", "101-a3",
)  # fmt: skip
# epochs, peak rate, weight decay, RandAugment's magnitude, mixup, label smoothing, repeats,
# drop path, training size
STRIKES_BACK = {
    "a1": (600.0, 5e-3, 0.01, 7, 0.2, 0.1, 3, 0.05, 224),
    "a2": (300.0, 5e-3, 0.02, 7, 0.1, 0.0, 3, 0.05, 224),
    "a3": (100.0, 8e-3, 0.02, 6, 0.1, 0.0, 1, 0.0, 160),
}


def get_config(name: str = "50-a2") -> ml_collections.ConfigDict:
    """One depth and recipe."""
    layers, recipe = name.split("-")

    config = effjax.default_config()
    config.model.name = f"resnet{layers}"
    if recipe == "original":
        train_originally(config)
    else:
        strike_back(config, *STRIKES_BACK[recipe])
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config, depths=(1, 1, 1, 1), dims=(8, 16, 16, 32))


def train_originally(config: ml_collections.ConfigDict) -> None:
    """SGD with momentum at 0.1 for 256 images; a tenth of the rate after 30, 60 and 80 epochs."""
    config.total_epochs = 90.0
    train_on_imagenet(config, batch_size=256, eval_crop=0.875)
    config.data.augment.update(crop="random_resized", interpolation="bilinear", color_jitter=0.4)
    config.optim.default.update(
        name="sgd",
        learning_rate=0.1,
        momentum=0.9,
        nesterov=True,
        weight_decay=1e-4,
        coupled_decay=True,
    )
    config.optim.default.decay = ((r".*", True),)
    config.schedule.update(
        name="step", factor=0.1, boundaries=(30 / 90, 60 / 90, 80 / 90), warmup_epochs=5.0
    )


def strike_back(
    config: ml_collections.ConfigDict,
    epochs: float,
    peak: float,
    weight_decay: float,
    magnitude: int,
    mixup: float,
    label_smoothing: float,
    repeats: int,
    drop_path: float,
    train_size: int,
) -> None:
    """LAMB at batch 2048, every class its own question, mixup and cutmix."""
    config.total_epochs = epochs
    train_on_imagenet(config, batch_size=2048, eval_crop=0.95)
    config.model.drop_path_rate = drop_path
    config.task.loss = "binary_cross_entropy"
    config.data.update(image_size=train_size, eval_size=224)
    config.data.augment.update(
        randaugment=f"rand-m{magnitude}-mstd0.5-inc1", repeats=repeats, interpolation="bicubic"
    )
    config.mix.update(mixup=mixup, cutmix=1.0, label_smoothing=label_smoothing)
    config.optim.default.update(
        name="lamb", learning_rate=peak, weight_decay=weight_decay, max_grad_norm=1.0
    )
    config.schedule.update(name="cosine", warmup_epochs=5.0, warmup_init=1e-4, end=1e-6)
