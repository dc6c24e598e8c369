"""SUN for few-shot learning, its first two phases; the third is configs/few_shot/meta_baseline.py.

Args: none, the teacher: plain classification of the base classes; RUN, the folder of that teacher:
      meta-training of a student of the same form, whose patches the teacher labels; quick.
Base classes: give data.classes, if the data set holds novel ones too.
Score: published on miniImageNet after all phases: 67.80 +- 0.45 with 1 shot, 83.25 +- 0.28 with 5
       (the repository's own evaluation), not run here.
Cost: 300 and 800 epochs of 38,400 images of 80 pixels: some hours each on an accelerator.
Run: effjax train --config=configs/few_shot/sun.py --workdir=runs/teacher
     effjax train --config=configs/few_shot/sun.py:runs/teacher --workdir=runs/student
     effjax train --config=configs/few_shot/meta_baseline.py:runs/student
"""

import ml_collections

import effjax

ARGS = ("RUN",)


def get_config(teacher: str = "") -> ml_collections.ConfigDict:
    """The teacher, or a student of the run `teacher`."""
    config = effjax.default_config()
    config.total_epochs = 800.0 if teacher else 300.0
    config.model.update(name="visformer_micro_80", drop_path_rate=0.5)
    config.data.update(name="mini_imagenet", image_size=80, batch_size=512)
    config.data.augment.update(scale=(0.2, 1.0))
    config.mix.erase_prob = 0.25
    if teacher:
        config.task.update(name="patch_distillation", teacher=teacher, background_label="extra")
    else:
        config.data.augment.randaugment = "rand-m9-mstd0.5-inc1"
    config.optim.default.update(name="adamw", learning_rate=5e-4, weight_decay=0.05)
    config.schedule.update(name="cosine", warmup_epochs=5.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on images that are made up."""
    config.update(total_epochs=None, total_steps=3.0)
    config.schedule.warmup_epochs = 0.0
    config.model.update(depths=(1, 1, 1), dims=(16, 16, 32), heads=2, drop_path_rate=0.0)
    config.data.update(name="synthetic", image_size=32, batch_size=16)
    config.data.update(synthetic_examples=64, synthetic_classes=4)
