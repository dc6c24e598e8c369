"""What momentum contrast rests on: the slow teacher, its stopped gradient, a low temperature.

Source: MoCo, https://arxiv.org/abs/1911.05722, v2, https://arxiv.org/abs/2003.04297; PCL,
        https://arxiv.org/abs/2005.04966.
Score: docs/selfsup.md has the table on 10,000 images of CIFAR-10. Untrained networks and raw pixels
       are measured in every run: --metric=val/untrained_probe_top1 compares those.
Cost: a run takes four minutes on a core.
Run: effjax sweep --config=configs/ablations/contrast.py --workdir=runs/contrast
Args: none: MoCo and PCL, three seeds; switches: what is switched off, one seed; quick.
--config.data.name=FOLDER takes images of your own; their classes serve the evaluation alone.
"""

import copy

import ml_collections

import effjax
from effjax.sweep import Sweep

ARGS = ("switches",)
VARIANTS = {
    "MoCo": {},
    "PCL": {"task.clusters": (50, 100, 200), "task.cluster_warmup_epochs": 3.0},
}
# a gradient through keys counts as little as the teacher moves, so that it needs a quick one
SWITCHES = {
    "MoCo": {},
    "momentum 0": {"task.momentum": 0.0},
    "momentum 0, keys learn": {"task.momentum": 0.0, "task.stop_gradient": False},
    "temperature 1": {"task.temperature": 1.0},
}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The base: configs/pretrain/moco_cifar10.py with a smaller network and smaller batches."""
    config = effjax.default_config()
    config.total_epochs = 8.0
    config.task.name = "contrast"
    config.task.update(queue=2048, temperature=0.2, momentum=0.99)
    config.model.update(name="resnet18", depths=(1, 1, 1, 1), dims=(8, 16, 32, 64))
    config.model.update(stem_kernel=3, stem_stride=2, stem_pool=False)
    # a tenth of each class; TFDS draws it by its own slicing
    config.data.update(name="cifar10", train_split="train[:20%]", val_split="test")
    config.data.update(image_size=32, batch_size=128, cache="memory")
    for name in ("query", "key"):
        effjax.add_view(config, name, recipe="moco_cifar")
    config.optim.default.update(name="sgd", learning_rate=0.06, momentum=0.9, weight_decay=5e-4)
    config.schedule.name = "cosine"
    config.evals.few = copy.deepcopy(config.evals.val)
    config.evals.val.evaluator = "features"
    config.evals.few.evaluator = "episodes"
    config.log.update(tensorboard=False, curves=False)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Runs of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=4.0)
    config.task.queue = 32
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    config.data.update(synthetic_examples=256, image_size=16, batch_size=16)


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `switches` has one seed."""
    metric = "val/probe_top1"
    if arg == "switches":
        return Sweep(SWITCHES, (0,), metric)
    if arg == "quick":
        return Sweep({"MoCo": {}}, (0,), metric)
    return Sweep(VARIANTS, (0, 1, 2), metric)
