"""Meta-Baseline: episodes after a classifier of the same classes, as the last phase of SUN.

Args: RUN, the folder of the classifier (configs/few_shot/base.py); none: without one; quick.
Novel classes are those that data.classes leaves out; config.evals.val.classes names them.
Score: published for SUN on miniImageNet: 67.80 +- 0.45 with 1 shot, 83.25 +- 0.28 with 5, not run.
Cost: SUN takes 10,000 updates of 8 episodes; a few minutes for a small network on two CPU cores.
Run: effjax train --config=configs/few_shot/meta_baseline.py:runs/base
"""

import ml_collections

import effjax

ARGS = ("RUN",)


def get_config(start: str = "") -> ml_collections.ConfigDict:
    """Ten ways, one shot, five queries; eight episodes an update."""
    config = effjax.default_config()
    config.total_steps = 10000.0
    config.task.update(name="few_shot", ways=10, shots=1, queries=5)
    config.model.update(name="visformer_micro_80")
    if start:
        config.init_from = start
    config.data.update(name="mini_imagenet", image_size=80, batch_size=8 * 10 * 6)
    config.data.augment.update(scale=(0.35, 1.0), color_jitter=0.4)
    config.optim.default.update(
        name="sgd", learning_rate=1e-3, momentum=0.9, weight_decay=5e-4, clip_norm=None
    )
    config.schedule.update(name="cosine", warmup_percent=3.0)
    config.evals.val.update(evaluator="episodes", every_percent=10.0, episodes=2000)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_steps=3.0)
    config.task.update(ways=3, shots=1, queries=2)
    config.model.update(depths=(1, 1, 1), dims=(16, 16, 32), heads=2, drop_path_rate=0.0)
    config.evals.val.update(every_percent=None, episodes=10, ways=3, queries=4, shots=(1,))
    config.data.update(name="synthetic", image_size=32, batch_size=18)
    config.data.update(synthetic_examples=128, synthetic_classes=4)
