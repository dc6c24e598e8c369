"""Token mixers and depths of a small MetaFormer on scikit-learn's digits, by evolution.

Four stages; each has a mixer out of five and one block or two, under 0.7 of the multiply-adds of
depthwise 7x7 everywhere. An evaluation trains a network for a quarter of the whole training.

Score: see docs/search.md.
Cost: about 20 minutes on two CPU cores, most of them compilation.
Run: effjax search --config=configs/search/evolution_digits.py
     effjax train --config=configs/search/evolution_digits.py \\
         --config.model.arch=runs/evolution_digits/architecture.json
"""

import ml_collections

import effjax
from effjax.search import ArchSpace, Budget, Choice, Search

MIXERS = ("identity", "pooling", "depthwise3", "depthwise7", "attention")
SIZES = {
    "depths": (2, 2, 2, 2),
    "dims": (16, 32, 32, 32),
    "patch_kernels": (3, 3, 3, 3),
    "patch_strides": (2, 2, 2, 1),
    "patch_pads": (1, 1, 1, 1),
}


def get_config() -> ml_collections.ConfigDict:
    """The training of a network, of which a search takes a part."""
    config = effjax.default_config()
    config.total_epochs = 8.0

    config.model.update(name="convformer_s18", drop_path_rate=0.0, **SIZES)
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=3, hflip=0.0)
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_percent=12.5)
    return config


def search(arg: str | None = None) -> Search:
    """The space and what is spent on it."""
    choices = []
    for stage in range(4):
        choices.append(Choice(f"stages_{stage}.mixer", MIXERS))
        choices.append(Choice(f"depths.{stage}", (1, 2)))
    is_quick = arg == "quick"
    return Search(
        space=ArchSpace("convformer_s18", choices, **(QUICK if is_quick else SIZES)),
        strategy="evolution",
        budget=Budget("macs", "0.7x"),
        evaluations=3 if is_quick else 24,
        share=1.0 if is_quick else 0.25,
        options={"population": 2 if is_quick else 8},
        compare_seeds=1 if is_quick else 3,
    )


QUICK = SIZES | {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8)}


def quick(config: ml_collections.ConfigDict) -> None:
    """A search of seconds."""
    config.update(total_epochs=None, total_steps=2.0)
    config.schedule.warmup_percent = 0.0
    config.model.update(**QUICK)
