"""LeJEPA on CIFAR-10, or any small images: no teacher, no queue, no stopped gradient.

Args: none, or quick.
Score: none published at this size; ViT-S on ImageNet, 100 epochs: linear 64.0 (lightly), not run.
Cost: two large and four small crops an image; not measured on a machine of its own.
Run: effjax train --config=configs/pretrain/lejepa_cifar10.py --config.data.name=FOLDER
"""

import ml_collections

import effjax

ENCODER = {"width": 96, "depth": 6, "heads": 3, "patch_size": 4}
CIFAR10 = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}


def get_config() -> ml_collections.ConfigDict:
    """The pre-training."""
    config = effjax.default_config()
    config.total_epochs = 100.0
    config.task.update(name="lejepa", isotropy=0.05, hidden=512, outputs=64)
    config.model.update(name="vit_tiny_patch16_224", drop_path_rate=0.1, **ENCODER)
    config.data.update(
        name="cifar10", val_split="test", image_size=32, batch_size=256, cache="memory", **CIFAR10
    )
    for name in ("global1", "global2"):
        effjax.add_view(config, name, recipe="dino_global2", size=32, scale=(0.3, 1.0), blur=0.0)
    effjax.add_view(
        config, "local", recipe="dino_local", size=16, count=4, scale=(0.05, 0.3), blur=0.0
    )
    config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.05)
    config.schedule.update(name="cosine", warmup_percent=10.0)
    config.evals.val.update(evaluator="features", every_epochs=10.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=3.0)
    config.task.update(directions=16, hidden=32, outputs=16)
    config.model.update(width=32, depth=2, heads=2)
    config.evals.val.update(every_epochs=None, probe=False, baselines=False)
    config.data.update(name="synthetic", val_split="validation", batch_size=16)
    config.data.synthetic_examples = 32
    config.data.views.local.count = 2
