"""PCL on CIFAR-10: momentum contrast with prototypes on top, clustered anew every epoch.

Args: none; quick.
Score: docs/selfsup.md has what was run beside MoCo. A user of the authors' code reached a linear
  82.8 with ResNet-18 on 50,000 images; not run here.
Cost: that of configs/pretrain/moco_cifar10.py, and a clustering of all images an epoch.
Run: effjax train --config=configs/pretrain/pcl_cifar10.py
First find settings that are good for MoCo alone, then add prototypes: a fiftieth to a tenth of the
number of images.
"""

import ml_collections

import effjax

TASK = {"queue": 2048, "temperature": 0.2, "momentum": 0.99}
NETWORK = {
    "name": "resnet18",
    "depths": (1, 1, 1, 1),
    "dims": (16, 32, 64, 128),
    "stem_kernel": 3,
    "stem_pool": False,
}


def get_config() -> ml_collections.ConfigDict:
    """MoCo's settings for CIFAR-10, and three clusterings after a third of the run."""
    config = effjax.default_config()
    config.total_epochs = 12.0
    config.task.update(name="contrast", clusters=(50, 100, 200), cluster_warmup_epochs=4.0, **TASK)
    config.model.update(NETWORK)
    config.data.update(name="cifar10", val_split="test", image_size=32, batch_size=256)
    config.data.cache = "memory"
    for name in ("query", "key"):
        effjax.add_view(config, name, recipe="moco_cifar")
    config.optim.default.update(name="sgd", learning_rate=0.06, momentum=0.9, weight_decay=5e-4)
    config.schedule.name = "cosine"
    config.evals.val.update(evaluator="features", every_percent=25.0)
    config.checkpoint.every_percent = 25.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images that are made up."""
    config.update(total_epochs=None, total_steps=6.0)
    config.task.update(queue=32, clusters=(5,), cluster_warmup_epochs=1.0, cluster_restarts=1)
    config.data.update(name="synthetic", batch_size=16, synthetic_examples=64, image_size=16)
    config.data.val_split = "validation"
    config.model.dims = (8, 8, 16, 16)
