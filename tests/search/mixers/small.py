"""A MetaFormer of two blocks whose mixers are searched, and a task that one mixer alone solves."""

from typing import Any

import ml_collections
import numpy as np

import effjax
from effjax.config import to_config
from effjax.data import ImageSource
from effjax.runs.schema import OptimConfig
from effjax.search.choices import Choice
from effjax.search.space import ArchSpace

FIELDS = {
    "depths": (2,),
    "dims": (8,),
    "mixers": ("identity",),
    "kernel_sizes": (3,),
    "patch_kernels": (1,),
    "patch_strides": (1,),
    "patch_pads": (0,),
    "layer_scale": (None,),
    "residual_scale": (None,),
    "remat": (False,),
    "mlp_ratio": 1.0,
    "drop_path_rate": 0.0,
}
FIRST, SECOND = "stages_0.blocks_0.mixer", "stages_0.blocks_1.mixer"
MIXERS = ("identity", "pooling", "depthwise3", "attention(head_dim=4)")
# blocks need not have as many options
CHOICES = ((FIRST, MIXERS), (SECOND, ("depthwise5", "identity")))


def space_of(*choices: tuple[str, tuple], **fields: Any) -> ArchSpace:
    return ArchSpace("convformer_s18", [Choice(*choice) for choice in choices], **(FIELDS | fields))


class Halves(ImageSource):
    """Noisy maps of 4x4 pixels, whose right half or lower half is bright.

    What treats both directions alike cannot tell them apart: pointwise layers, pooling, attention
    without positions, and the mean over positions. A depthwise convolution can.
    """

    class_names = ("right", "lower")

    def __len__(self) -> int:
        return 128

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng((self.split == "train", row))
        image = rng.integers(0, 80, (4, 4, 3), dtype=np.uint8)
        image[:, 2:] += 170
        return (image, 0) if row % 2 else (image.transpose(1, 0, 2), 1)


def training_config() -> ml_collections.ConfigDict:
    """An ordinary training on halves."""
    config = effjax.default_config()
    config.total_steps = 40.0
    config.model.update(name="convformer_s18", **FIELDS)
    config.data.update(name="tests.search.mixers.small:Halves", image_size=4, batch_size=32)
    config.data.update(eval_batch_size=32, cache="memory", workers=0)
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="adam", learning_rate=0.02)
    config.log.update(tensorboard=False, curves=False)
    config.parallel.devices = 1
    return config


def task_config(name: str, **task: Any) -> ml_collections.ConfigDict:
    """The supernet's own run."""
    config = training_config()
    config.task.update(name=name, choices=CHOICES)
    config.task.update(task)
    config.optim.alphas = to_config(OptimConfig)
    config.optim.alphas.update(name="adam", learning_rate=0.01)
    return config
