"""A student a quarter of the size of the quickstart's network, taught by it, on the same digits.

The student sees the same images as its teacher and learns half from the labels and half from what
the teacher says (softened; `--config.task.distillation=hard` for the class alone).

Score: 97.8 % validation top-1 with 160,982 parameters; its teacher, with 637,334, 97.5 %.
       One run each (2026-11-20, two CPU cores); the student without a teacher was not run.
Cost: about that of the quickstart, whose network answers every batch too.
Run: effjax train --config=configs/quickstart.py
     effjax train --config=configs/distill.py --config.task.teacher=runs/quickstart
"""

import ml_collections

import effjax


def get_config() -> ml_collections.ConfigDict:
    """A small CAFormer and its teacher."""
    config = effjax.default_config()
    config.total_epochs = 12.0

    config.task.update(
        name="distill",
        teacher="runs/quickstart",
        distillation="soft",
        temperature=3.0,
        alpha=0.5,
    )
    config.model.update(
        name="caformer_s18",
        depths=(1, 1, 1, 1),
        dims=(16, 32, 48, 64),
        patch_kernels=(3, 3, 3, 3),
        patch_strides=(2, 2, 2, 2),
        patch_pads=(1, 1, 1, 1),
        drop_path_rate=0.0,
    )
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=3, hflip=0.0)
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_epochs=2.0)
    config.evals.val.every_epochs = 2.0
    config.checkpoint.every_epochs = 4.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds, with `quickstart.py:quick` as its teacher."""
    config.update(total_epochs=None, total_steps=6.0)
    config.schedule.warmup_epochs = 0.0
    config.task.teacher = "runs/quickstart-quick"
