"""DINO on CIFAR-10, or any small images: a tiny ViT and its moving average see several crops.

Args: none; mugs (three granularities); ibot (hidden patches and distances beside); quick.
Score: not run here. Published: a ResNet-18 on 50,000 images reaches a k-NN
       of 84.0 after 200 epochs (lightly).
Cost: two large and four small crops an image; not measured on a machine of its own.
Run: effjax train --config=configs/pretrain/dino_cifar10.py --config.data.name=FOLDER
"""

import ml_collections

import effjax

ARGS = ("mugs", "ibot")
ENCODER = {"width": 96, "depth": 6, "heads": 3, "patch_size": 4}
CIFAR10 = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}


def get_config(arg: str = "dino") -> ml_collections.ConfigDict:
    """The pre-training."""
    config = effjax.default_config()
    config.total_epochs = 100.0
    config.task.update(
        name="self_distillation",
        outputs=1024,  # small sets want few
        hidden=512,
        bottleneck=128,
        momentum=0.99,
        teacher_temperature=0.06,
        teacher_temperature_start=0.04,
        temperature_warmup_percent=10.0,
    )
    config.model.update(name="vit_tiny_patch16_224", drop_path_rate=0.1, **ENCODER)
    config.data.update(
        name="cifar10", val_split="test", image_size=32, batch_size=256, cache="memory", **CIFAR10
    )
    # at 32 pixels blur takes what there is to see
    effjax.add_view(config, "global1", recipe="dino_global1", size=32, blur=0.0)
    effjax.add_view(config, "global2", recipe="dino_global2", size=32, blur=0.0)
    effjax.add_view(config, "local", recipe="dino_local", size=16, count=4, blur=0.0)
    config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.1)
    config.schedule.update(name="cosine", warmup_percent=10.0, end=1e-6)
    config.evals.val.update(evaluator="features", every_epochs=10.0)
    if arg == "mugs":
        _as_mugs(config)
    if arg == "ibot":
        config.task.update(patch_weight=1.0, koleo_weight=0.1)
    return config


def _as_mugs(config: ml_collections.ConfigDict) -> None:
    """Three granularities; the student's first large crop is weak, and its memory takes it."""
    config.task.update(terms=("instance", "local_group", "group"), pairs="halves")
    config.task.update(instance_queue=4096, local_queue=4096, memory=4096, neighbours=8)
    config.task.update(pair_outputs=128, predictor_hidden=512)
    views = {"global1": "mugs_weak", "global2": "mugs_weak"}
    views |= {"student1": "mugs_weak", "student2": "mugs_strong"}
    for name, recipe in views.items():
        effjax.add_view(config, name, recipe=recipe, size=32, blur=0.0)
    config.data.views.local.recipe = "mugs_local"


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=3.0)
    config.task.update(outputs=32, hidden=32, bottleneck=16)
    if "instance" in config.task.get("terms", ()):
        config.task.update(instance_queue=64, local_queue=64, memory=64, neighbours=4)
        config.task.update(pair_outputs=16, predictor_hidden=32)
    config.model.update(width=32, depth=2, heads=2)
    config.evals.val.update(every_epochs=None, probe=False)
    config.data.update(name="synthetic", val_split="validation", batch_size=16)
    config.data.synthetic_examples = 32
    config.data.views.local.count = 2
