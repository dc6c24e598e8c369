"""The published run of SLRLA: ResNet-18 on CIFAR, SGD inside Lookahead, in stages.

Args: cifar10 (default) or cifar100; lookahead (the same without the local penalty); quick.
Score: published, slow weights, stagewise SGD / Lookahead / SLRLA, not run here: CIFAR-10
       95.23 / 95.27 / 95.47, CIFAR-100 78.24 / 78.34 / 78.58.
Cost: an hour on one accelerator.
Run: effjax train --config=configs/optim/slrla.py:cifar10
"""

import ml_collections

import effjax

ARGS = ("cifar10", "cifar100", "lookahead")


def get_config(variant: str = "cifar10") -> ml_collections.ConfigDict:
    """The run on a data set, or without the local penalty."""
    config = effjax.default_config()
    config.total_epochs = 100.0
    config.model.name = "resnet18"
    config.data.update(
        name="cifar100" if variant == "cifar100" else "cifar10", image_size=32, batch_size=128
    )
    config.data.augment.update(crop="pad", pad=4)
    config.optim.default.update(
        name="lookahead" if variant == "lookahead" else "slrla",
        inner="sgd",
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=1e-3,
        coupled_decay=True,
        sync_period=5,
        slow_step_size=0.8,
    )
    if variant != "lookahead":
        config.optim.default.penalty = 0.2
    config.optim.default.decay = ((r".*", True),)
    config.schedule.update(name="step", factor=0.2, boundaries=(0.3, 0.6, 0.8))
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=6.0)
    config.model.depths = (1, 1, 1, 1)
    config.data.update(name="synthetic", batch_size=16)
    config.data.synthetic_examples = 32
