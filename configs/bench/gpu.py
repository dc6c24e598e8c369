"""Optimizers on ImageNet recipes, each trial an ordinary run: hours to days on one GPU.

Workloads: ResNet-50, ViT-S/16, PoolFormer-S12 and CAFormer-S18 for 20 epochs each, with data,
           augmentation and network of configs/imagenet/. One rate, three seeds.
Score: not run by us. Without targets (--make-targets writes them from the rows of AdamW and SGD)
       the report compares what was reached at the end.
Cost: 4 workloads x 6 optimizers x 3 seeds; killed and started again it goes on where it was.
Run: effjax bench --config=configs/bench/gpu.py --only=adamw
"""

from pathlib import Path

import ml_collections

from effjax.bench import empty_config, optimizer, use_targets, workload

TARGETS = Path(__file__).parent / "targets/gpu.json"
RECIPES = Path(__file__).parent.parent / "imagenet"
STEPS = 20 * 1_281_167 // 1024


def imagenet(file: str, arg: str) -> ml_collections.ConfigDict:
    """Twenty epochs of a recipe of configs/imagenet, evaluated after each."""
    return workload(
        problem="recipe",
        recipe=f"{RECIPES / file}:{arg}",
        batch_size=1024,
        max_steps=STEPS,
        eval_every=STEPS // 20,
    )


def get_config() -> ml_collections.ConfigDict:
    """The whole comparison."""
    config = empty_config()
    config.workloads.update(
        resnet50=imagenet("resnet.py", "50-a2"),
        vit_small=imagenet("vit.py", "small"),
        poolformer_s12=imagenet("poolformer.py", "s12"),
        caformer_s18=imagenet("caformer.py", "s18"),
    )
    config.optimizers.update(
        adamw=optimizer(name="adamw", learning_rate=1e-3, weight_decay=0.05),
        adan=optimizer(name="adan", learning_rate=7.5e-3, weight_decay=0.02),
        adamw_win=optimizer(name="adamw_win", learning_rate=2e-3, weight_decay=0.05),
        sgd_nesterov=optimizer(
            name="sgd", learning_rate=0.5, weight_decay=5e-5, momentum=0.9, nesterov=True
        ),
        lamb=optimizer(name="lamb", learning_rate=5e-3, weight_decay=0.02),
        muon=optimizer(name="muon", learning_rate=5e-3, weight_decay=0.05),
    )
    config.tuning.protocol = "defaults"
    config.claims = (("adan", 2.0), ("adamw_win", 1.5))
    if TARGETS.exists():
        use_targets(config.workloads, TARGETS)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Two tiny networks, one optimizer and one seed."""
    files = {"resnet50": "resnet.py", "caformer_s18": "caformer.py"}
    config.workloads = {
        name: workload(
            problem="recipe",
            recipe=f"{RECIPES / file}:quick",
            batch_size=16,
            max_steps=4,
            eval_every=2,
            target=2.0,
        )
        for name, file in files.items()
    }
    config.optimizers = {"adamw": config.optimizers.adamw}
    config.tuning.seeds = (0,)
    config.claims = ()
