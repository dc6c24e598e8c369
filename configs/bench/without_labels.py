"""Optimizers on what learns without labels: momentum contrast and masked images, on digits.

Workloads: moco_digits, a small residual network by MoCo, scored by the error of a linear probe;
           mae_digits, a tiny ViT by MAE, scored by its loss on held-out images. Both have a stable
           rate and a decay, at half of the steps and at all of them: the half is trained once.
Score: see docs/optimizers.md.
Cost: 108 runs, 13 CPU minutes on one core; started again it goes on.
Run: effjax bench --config=configs/bench/without_labels.py
     (with --merge=configs/bench/baselines/without_labels our rows are there already)
Args: moco, mae: the recipe of one workload, for `effjax train`.
"""

from pathlib import Path

import ml_collections

import effjax
from effjax.bench import empty_config, optimizer, use_targets, workload

ARGS = ("moco", "mae")
TARGETS = Path(__file__).parent / "targets/without_labels.json"


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The comparison, or the recipe of a workload."""
    if arg == "moco":
        return _moco()
    if arg == "mae":
        return _mae()
    config = empty_config()
    shape = {"batch_size": 64, "schedule": "wsd", "warmup_percent": 10.0}
    config.workloads.update(
        moco_digits=workload(
            problem="recipe",
            recipe=f"{Path(__file__)}:moco",
            metric="val/probe_error",
            max_steps=120,
            eval_every=30,
            **shape,
        ),
        mae_digits=workload(
            problem="recipe",
            recipe=f"{Path(__file__)}:mae",
            metric="val/loss",
            max_steps=200,
            eval_every=20,
            **shape,
        ),
    )
    if TARGETS.exists():
        use_targets(config.workloads, TARGETS)
    config.optimizers.update(
        adamw=optimizer(name="adamw", learning_rate=2e-3, weight_decay=0.05),
        adan=optimizer(name="adan", learning_rate=1e-2, weight_decay=0.02),
        muon=optimizer(name="muon", learning_rate=1e-2, weight_decay=0.05),
    )
    config.tuning.update(factors=(0.5, 2.0, 8.0), lengths=(0.5, 1.0))
    config.claims = (("adan", 2.0), ("muon", 2.0))
    return config


def _digits() -> ml_collections.ConfigDict:
    config = effjax.default_config()
    config.total_steps = 200.0
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.schedule.name = "wsd"
    config.log.update(tensorboard=False, curves=False)
    return config


def _moco() -> ml_collections.ConfigDict:
    """configs/ablations/contrast.py with a network and images that are smaller."""
    config = _digits()
    config.data.image_size = 16
    config.task.name = "contrast"
    config.task.update(queue=512, temperature=0.2, momentum=0.99)
    config.model.update(name="resnet18", depths=(1, 1, 1), dims=(8, 16, 32), strides=(1, 2, 2))
    config.model.update(stem_kernel=3, stem_stride=2, stem_pool=False, remat=(False,) * 3)
    for name in ("query", "key"):
        effjax.add_view(config, name, recipe="moco_cifar")
        config.data.views[name].hflip = 0.0
    config.evals.val.update(evaluator="features", baselines=False)
    return config


def _mae() -> ml_collections.ConfigDict:
    """configs/ablations/masked_images.py on digits."""
    config = _digits()
    config.task.name = "masked_images"
    config.task.update(decoder_width=32, decoder_depth=1, decoder_heads=2)
    config.model.update(name="vit_tiny_patch16_224", patch_size=4, width=48, depth=3, heads=3)
    config.data.augment.update(scale=(0.5, 1.0), hflip=0.0)
    config.evals.val.evaluator = "reconstruction"
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """One workload, one optimizer, one rate and one seed."""
    if "workloads" not in config:
        config.total_steps = 4.0
        return
    del config.workloads["moco_digits"]
    config.workloads.mae_digits.update(batch_size=8, max_steps=4, eval_every=2)
    config.optimizers = {"adamw": config.optimizers.adamw}
    config.tuning.update(factors=(1.0,), seeds=(0,))
    config.claims = ()
