"""What masked images are worth: fine-tuning after MAE beside the same training from scratch.

Source: MAE, https://arxiv.org/abs/2111.06377.
Score: docs/selfsup.md has the table on 10,000 images of CIFAR-10.
Cost: three pre-trainings of three minutes and six fine-tunings of two on a core.
Run: effjax sweep --config=configs/ablations/masked_images.py --workdir=runs/mae
     then effjax sweep --config=configs/ablations/masked_images.py:runs/mae
Args: none: the pre-training, three seeds; SWEEP, the folder of those: each is fine-tuned beside one
that starts from scratch; quick.
"""

import ml_collections

import effjax
from effjax.sweep import Sweep

ARGS = ("SWEEP",)
CIFAR10 = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}


def get_config(start: str = "") -> ml_collections.ConfigDict:
    """A tiny ViT of 64 patches: with labels if there is a start, else without."""
    config = effjax.default_config()
    config.model.update(name="vit_tiny_patch16_224", patch_size=4)
    config.model.update(width=48, depth=4, heads=3)
    # a tenth of each class; TFDS draws it by its own slicing
    config.data.update(name="cifar10", train_split="train[:20%]", val_split="test", **CIFAR10)
    config.data.update(image_size=32, batch_size=128, cache="memory")
    config.optim.default.update(name="adamw", weight_decay=0.05)
    config.schedule.name = "cosine"
    config.log.update(tensorboard=False, curves=False)
    if start:
        config.total_epochs = 4.0
        config.optim.default.learning_rate = 1e-3
        config.schedule.warmup_epochs = 1.0
        config.data.augment.update(crop="pad", pad=4)
        config.mix.label_smoothing = 0.1
        return config
    config.total_epochs = 20.0
    config.task.name = "masked_images"
    config.task.update(decoder_width=32, decoder_depth=2, decoder_heads=2)
    config.optim.default.update(learning_rate=1.5e-3, b2=0.95)
    config.schedule.warmup_epochs = 3.0
    config.data.augment.update(scale=(0.2, 1.0), interpolation="bicubic")
    config.evals.val.evaluator = "reconstruction"
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Runs of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.model.update(width=32, depth=1, heads=2)
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(synthetic_examples=32, batch_size=16)


def sweep(start: str | None = None) -> Sweep:
    """Three seeds; `quick` has one."""
    if start is None:
        return Sweep({"MAE": {}}, metric="val/loss")
    if start == "quick":
        return Sweep({"MAE": {}}, (0,), "val/loss")
    # lower layers, which have learned already, change less
    tuned = {"init_from": f"{start}/MAE/seed{{seed}}", "optim.default.layer_decay": 0.75}
    return Sweep({"from scratch": {}, "after MAE": tuned})
