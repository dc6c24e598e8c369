"""Momentum contrast (MoCo v2's losses, the small settings of its CIFAR-10 notebook) at 32 pixels.

Score: docs/selfsup.md has three seeds of a smaller network. Published, not run here: k-NN
  82.6 after 200 epochs of ResNet-18 on 50,000 images, 88.7 after 800.
Cost: resnet, convformer about five minutes for 12 epochs of 10,000 images on two CPU cores;
  resnet18 wants a GPU.
Run: effjax train --config=configs/pretrain/moco_cifar10.py
Args: resnet (four small blocks), convformer (as small, without batch norm), resnet18 (200 epochs).
`--config.data.name=FOLDER` takes any folder of class folders; classes serve the evaluation alone.
"""

import ml_collections

import effjax

ARGS = ("resnet", "convformer", "resnet18")
STEM = {"stem_kernel": 3, "stem_pool": False}
NETWORKS = {
    "resnet": {
        "name": "resnet18",
        "depths": (1, 1, 1, 1),
        "dims": (16, 32, 64, 128),
        "stem_stride": 2,
        **STEM,
    },
    "convformer": {
        "name": "convformer_s18",
        "depths": (1, 1, 1, 1),
        "dims": (16, 32, 64, 128),
        "patch_kernels": (3, 3, 3, 3),
        "patch_strides": (2, 2, 2, 2),
        "patch_pads": (1, 1, 1, 1),
    },
    "resnet18": {"name": "resnet18", "stem_stride": 1, **STEM},
}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """MoCo on CIFAR-10."""
    arg = arg or "resnet"
    config = effjax.default_config()
    config.total_epochs = 200.0 if arg == "resnet18" else 12.0
    config.task.name = "contrast"
    # a queue well under an epoch of 10,000 images, or an image meets its own keys
    config.task.update(queue=2048, temperature=0.2, momentum=0.99)
    config.model.update(NETWORKS[arg])
    config.data.update(name="cifar10", val_split="test", image_size=32, batch_size=256)
    config.data.cache = "memory"
    for name in ("query", "key"):
        effjax.add_view(config, name, recipe="moco_cifar")
    config.optim.default.update(name="sgd", learning_rate=0.06, momentum=0.9, weight_decay=5e-4)
    config.schedule.name = "cosine"
    if arg == "convformer":
        # plain SGD does not train networks of this kind well
        config.optim.default = effjax.default_config().optim.default
        config.optim.default.update(name="adamw", learning_rate=1e-3, weight_decay=0.05)
        config.schedule.warmup_epochs = 1.0
    if arg == "resnet18":
        config.task.update(queue=4096, temperature=0.1)
        config.data.batch_size = 512
    config.evals.val.update(evaluator="features", every_percent=25.0)
    config.checkpoint.every_percent = 25.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images that are made up."""
    config.update(total_epochs=None, total_steps=4.0)
    config.task.queue = 32
    config.data.update(name="synthetic", batch_size=16, synthetic_examples=64, image_size=16)
    config.data.val_split = "validation"
    config.model.update(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16))
    config.schedule.warmup_epochs = 0.0
