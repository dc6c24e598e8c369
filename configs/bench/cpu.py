"""Optimizers on small networks and real images: CAFormer, a residual CNN and a ViT.

Workloads: a CAFormer on scikit-learn's digits (trained on 1,437, 360 held out), a CNN on 10,000 of
           Fashion-MNIST, a ViT on 10,000 of CIFAR-10 (1,000 more held out of each). Six learning
           rates and three seeds for twelve optimizers: 648 trials.
Data: TFDS's fashion_mnist and cifar10 if they are prepared, or files of your own below one folder,
      `fashion_mnist/` (idx files) and `cifar10/train.zip`: --config.data_dir=FOLDER.
Score: docs/bench_cpu.md is the report of a whole run.
Cost: about 45 minutes on two CPU cores; killed and started again it goes on where it was.
Run: effjax bench --config=configs/bench/cpu.py --config.data_dir=FOLDER
"""

from pathlib import Path

import ml_collections

from effjax.bench import empty_config, optimizer, use_targets, workload

TARGETS = Path(__file__).parent / "targets/cpu.json"
FASHION = {"name": "fashion_mnist", "files": "fashion_mnist", "image_size": 28}
CIFAR = {"name": "cifar10", "files": "cifar10/train.zip", "image_size": 32}
PART = {"train_examples": 10000, "eval_examples": 1000}

WORKLOADS = {
    "caformer_digits": workload(
        problem="images",
        data={"name": "digits", "eval_split": "validation", "image_size": 16},
        model={
            "name": "caformer_s18",
            "depths": (1, 1, 1, 1),
            "dims": (16, 24, 32, 48),
            "patch_kernels": (3, 3, 3, 3),
            "patch_strides": (2, 2, 2, 1),
            "patch_pads": (1, 1, 1, 1),
            "drop_path_rate": 0.0,
        },
        label_smoothing=0.1,
        batch_size=32,
        max_steps=180,
        eval_every=10,
        warmup_percent=10.0,
    ),
    "cnn_fashion": workload(
        problem="images",
        data={**FASHION, **PART},
        model={
            "name": "resnet18",
            "depths": (1, 1, 1),
            "dims": (8, 16, 32),
            "strides": (1, 2, 2),
            "stem_kernel": 5,
            "stem_stride": 4,
            "stem_pool": False,
            "remat": (False, False, False),
        },
        batch_size=32,
        max_steps=200,
        eval_every=10,
    ),
    "vit_cifar": workload(
        problem="images",
        data={**CIFAR, **PART},
        model={
            "name": "vit_tiny_patch16_224",
            "patch_size": 8,
            "width": 48,
            "heads": 3,
            "depth": 4,
        },
        metric="val/loss",
        batch_size=32,
        max_steps=195,
        eval_every=15,
        warmup_percent=10.0,
    ),
}

# Rates are those that the authors recommend for networks of this kind; the grid goes around them.
OPTIMIZERS = {
    "adamw": optimizer(name="adamw", learning_rate=2e-3, weight_decay=0.05),
    "adan": optimizer(name="adan", learning_rate=1e-2, weight_decay=0.02),
    "adamw_win": optimizer(name="adamw_win", learning_rate=2e-3, weight_decay=0.05),
    "adamw_win2": optimizer(name="adamw_win2", learning_rate=2e-3, weight_decay=0.05),
    "sgd_nesterov": optimizer(
        name="sgd", learning_rate=0.1, weight_decay=5e-4, momentum=0.9, nesterov=True
    ),
    "sgd_win": optimizer(name="sgd_win", learning_rate=0.1, weight_decay=5e-4),
    "lookahead_adamw": optimizer(
        name="lookahead", inner="adamw", learning_rate=2e-3, weight_decay=0.05, sync_period=5
    ),
    "slrla": optimizer(name="slrla", inner="sgd", momentum=0.9, learning_rate=0.1, penalty=0.2),
    "lamb": optimizer(name="lamb", learning_rate=1e-2, weight_decay=0.02),
    "lion": optimizer(name="lion", learning_rate=3e-4, weight_decay=0.3),
    "schedule_free_adamw": optimizer(
        name="schedule_free_adamw", learning_rate=5e-3, weight_decay=0.05, schedule="constant"
    ),
    # with its scale by name: rows of optax's Muon, which had this name before, do not count for it
    "muon": optimizer(name="muon", learning_rate=1e-2, weight_decay=0.05, scale="spectral"),
}


def get_config() -> ml_collections.ConfigDict:
    """The whole comparison."""
    config = empty_config()
    config.workloads.update(WORKLOADS)
    config.optimizers.update(OPTIMIZERS)
    config.tuning.factors = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    config.claims = (("adan", 2.0), ("adamw_win", 1.5), ("adamw_win2", 1.5))
    if TARGETS.exists():
        use_targets(config.workloads, TARGETS)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The CAFormer alone, with two optimizers, one rate and two seeds."""
    config.workloads = {"caformer_digits": WORKLOADS["caformer_digits"]}
    config.optimizers = {name: OPTIMIZERS[name] for name in ("adamw", "adan")}
    config.workloads.caformer_digits.update(max_steps=6, eval_every=3, target=1.0)
    config.tuning.update(factors=(1.0,), seeds=(0, 1))
    config.population.update(mode="single", update_cost=False)
    config.claims = ()
