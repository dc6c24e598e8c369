"""Momentum contrast on ImageNet as published: MoCo v1, v2, v3, and PCL.

Args: v2 (the default), v1, v3 (ResNet-50), v3_vit (ViT-S), pcl; quick.
Score: published, not run here: linear 60.8 (v1), 67.5 (v2), 67.6 (pcl), 200 epochs of ResNet-50;
  72.8 (v3, 300 epochs), 73.2 (v3_vit, 300 epochs).
Cost: not measured; days on eight GPUs.
Run: effjax train --config=configs/pretrain/moco_imagenet.py
"""

import ml_collections

import effjax

ARGS = ("v1", "v2", "v3", "v3_vit", "pcl")
QUEUE = {"queue": 65536, "momentum": 0.999, "dim": 128}
V3 = {"queue": 0, "dim": 256, "head_width": 4096, "head_norm": True, "predictor_layers": 2}
TASKS = {
    "v1": {**QUEUE, "temperature": 0.07, "head_layers": 1},
    "v2": {**QUEUE, "temperature": 0.2},
    "v3": {**V3, "temperature": 1.0, "head_layers": 2, "momentum": 0.99, "momentum_end": 1.0},
    "v3_vit": {**V3, "temperature": 0.2, "head_layers": 3, "momentum": 0.99, "momentum_end": 1.0},
    "pcl": {**QUEUE, "temperature": 0.2, "clusters": (25_000, 50_000, 100_000)},
}
RECIPES = {"v1": ("moco_v1", "moco_v1"), "v3": ("byol1", "byol2"), "v3_vit": ("byol1", "byol2")}


def get_config(arg: str = "v2") -> ml_collections.ConfigDict:
    """One of the published recipes."""
    config = effjax.default_config()
    is_v3 = arg.startswith("v3")
    config.total_epochs = 300.0 if is_v3 else 200.0
    config.task.update(name="contrast", **TASKS[arg])
    config.model.name = "vit_small_patch16_224" if arg == "v3_vit" else "resnet50"
    config.data.update(name="imagenet2012", image_size=224, batch_size=4096 if is_v3 else 256)
    for name, recipe in zip(("query", "key"), RECIPES.get(arg, ("moco_v2", "moco_v2"))):
        effjax.add_view(config, name, recipe=recipe)
    config.optim.default.update(name="sgd", learning_rate=0.03, momentum=0.9, weight_decay=1e-4)
    config.schedule.name = "cosine"
    if arg == "pcl":
        # as published; None takes all prototypes as negatives
        config.task.update(queue=16_384, cluster_negatives=16_384, cluster_warmup_epochs=20.0)
    if arg == "v1":
        config.schedule.update(name="step", boundaries=(0.6, 0.8), factor=0.1)
    if is_v3:
        # LARS and AdamW: the rate is for a batch of 256
        config.optim.default.update(name="lars", learning_rate=0.3 * 16, weight_decay=1.5e-6)
        config.schedule.warmup_epochs = 10.0
    if arg == "v3_vit":
        # the projection of patches stays as it was drawn, which removes spikes of its gradient
        config.task.frozen = "encoder/patch_embed"
        config.optim.default = effjax.default_config().optim.default
        config.optim.default.update(name="adamw", learning_rate=1.5e-4 * 16, weight_decay=0.1)
        config.schedule.warmup_epochs = 40.0
    config.evals.val.update(evaluator="features", every_epochs=10.0, train_examples=100_000)
    config.checkpoint.every_epochs = 1.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images that are made up."""
    config.update(total_epochs=None, total_steps=2.0)
    config.schedule.warmup_epochs = 0.0
    config.task.update(norm_groups=2, dim=8, head_width=16)
    if config.task.queue:
        config.task.queue = 16
    if config.task.get("clusters"):
        config.task.update(clusters=(12,), cluster_negatives=None, cluster_warmup_epochs=0.0)
    config.data.update(name="synthetic", batch_size=8, synthetic_examples=32, image_size=32)
    config.evals.val.update(every_epochs=None, train_examples=None)
    if config.model.name == "resnet50":
        config.model.update(depths=(1, 1, 1, 1), dims=(4, 8, 8, 8))
    else:
        config.model.update(depth=1, width=32, heads=2, patch_size=8)
