"""Kernel sizes of a small ConvFormer on scikit-learn's digits: the first search to run.

Four blocks whose windows may be 1 to 9 wide, under the multiply-adds of 5 everywhere.

Score: see docs/kernel_search.md.
Cost: about a minute on two CPU cores.
Run: effjax search --config=configs/search/kernel_size_digits.py
     effjax train --config=configs/quickstart.py --config.model.name=convformer_s18 \\
         --config.model.arch=runs/kernel_size_digits/architecture.json
"""

import ml_collections

import effjax
from effjax.config import to_config
from effjax.runs.schema import OptimConfig


def get_config() -> ml_collections.ConfigDict:
    """A search on digits."""
    config = effjax.default_config()
    config.total_epochs = 4.0

    config.task.update(name="kernel_search", max_size=9, budget_sizes=(5,))
    config.model.update(
        name="convformer_s18",
        depths=(2, 2, 1, 1),
        dims=(16, 32, 32, 32),
        patch_kernels=(3, 3, 3, 3),
        patch_strides=(2, 2, 2, 1),
        patch_pads=(1, 1, 1, 1),
        drop_path_rate=0.0,
    )
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=3, hflip=0.0)
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.optim.sizes = to_config(OptimConfig)
    config.optim.sizes.update(name="adam", learning_rate=5e-3)
    config.optim.kernels = to_config(OptimConfig)
    config.optim.kernels.update(name="adam", learning_rate=3e-3)
    config.schedule.update(name="cosine", warmup_epochs=0.5)
    config.checkpoint.every_epochs = 2.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    config.update(total_epochs=None, total_steps=6.0)
    config.schedule.warmup_epochs = 0.0
    config.model.depths = (1, 1, 1, 1)
    config.model.dims = (8, 8, 16, 16)
