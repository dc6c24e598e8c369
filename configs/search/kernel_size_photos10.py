"""Heights and widths of InceptionNeXt's kernels on photographs of ten classes at 112 pixels.

Square kernels get a height and a width, the bands a length each: 1 to 15, under the multiply-adds
of 11 everywhere (which is what the bands have; the square kernels have 3).

Score: not run in full; benchmarks/RESULTS.md has a run of a fifth, one seed.
Cost: about half an hour on two CPU cores, estimated.
Run: effjax data prepare photos10 --manual-dir=FOLDER_WITH_THE_ZIP
     effjax search --config=configs/search/kernel_size_photos10.py
"""

import ml_collections

import effjax
from effjax.config import to_config
from effjax.runs.schema import OptimConfig


def get_config() -> ml_collections.ConfigDict:
    """A search on photographs."""
    config = effjax.default_config()
    config.total_epochs = 6.0

    config.task.update(name="kernel_search", max_size=15, budget_sizes=(11,), separable=True)
    config.task.update(compare_epochs=60.0, compare_seeds=1, compare_random=1)
    config.model.update(
        name="inception_next_atto", depths=(1, 1, 2, 1), dims=(32, 64, 128, 192), layer_scale=0.1
    )
    config.data.update(name="photos10", image_size=112, batch_size=64, val_split="validation")
    config.optim.default.update(name="adan", learning_rate=4e-3, weight_decay=0.02)
    config.optim.sizes = to_config(OptimConfig)
    config.optim.sizes.update(name="adam", learning_rate=2e-3)
    config.optim.kernels = to_config(OptimConfig)
    config.optim.kernels.update(name="adan", learning_rate=4e-3)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.mix.label_smoothing = 0.1
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images."""
    config.update(total_epochs=None, total_steps=4.0)
    config.task.max_size = 5
    config.task.budget_sizes = (3,)
    config.model.update(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16))
    config.data.update(name="synthetic", image_size=32, batch_size=32, synthetic_examples=128)
