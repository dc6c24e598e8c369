"""Fine-tunes any registered model from any weights on any images.

Args: NAME.TAG, published weights (effjax models 'caformer*' lists them), fetched from the hub
      (caformer_s18.sail_in22k_ft_in1k is the default); NAME, an architecture whose weights you have
      (--config.init_from=FILE or hub:REPOSITORY[:FILE]; None trains from scratch); RUN, the folder
      of a run (runs/photos, runs/photos:best), whose architecture and weights are taken; or quick.
Size, crop, mean and deviation of the images are those of the tag, or of the run. The learning rate
falls by a fifth from each block to the one below (--config.optim.default.layer_decay);
--config.task.frozen=backbone learns the head alone.
Score: see "Fine-tuning" in benchmarks/RESULTS.md for a small run; no published size was run.
Cost: a few minutes on an accelerator for some thousand images.
Run: effjax train --config=configs/finetune.py:caformer_s18.sail_in22k_ft_in1k
     --config.data.name=photos/
"""

import ml_collections

import effjax

ARGS = ("NAME.TAG", "NAME", "RUN")


def get_config(name: str = "caformer_s18.sail_in22k_ft_in1k") -> ml_collections.ConfigDict:
    """The config for the architecture, the weights or the run `name`."""
    architecture, tag = name, ""
    is_run = "/" in name
    if not is_run:
        architecture, _, tag = name.partition(".")

    config = effjax.default_config()
    config.total_epochs = 10.0
    config.model.name = architecture
    config.data.update(name="photos10", batch_size=64)
    if tag:
        facts = effjax.models.pretrained(name)
        config.init_from = name
        config.data.update(image_size=facts.input_size, mean=facts.mean, std=facts.std)
        config.data.update(eval_crop=facts.crop, eval_interpolation=facts.interpolation)
    elif not is_run:  # of a run the folder says it all
        effjax.models.entry(name)  # refuses an unknown name before anything is read
    config.data.augment.update(scale=(0.35, 1.0), interpolation="bicubic")
    config.mix.label_smoothing = 0.1
    config.task.frozen = None
    config.optim.default.update(
        name="adamw", learning_rate=5e-4, weight_decay=0.05, clip_norm=1.0, layer_decay=0.8
    )
    config.schedule.update(name="cosine", warmup_epochs=1.0, end=1e-6)
    config.evals.val.every_epochs = 1.0
    config.checkpoint.update(every_epochs=1.0, keep_best="val/top1")
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds on synthetic images, without weights."""
    config.update(init_from=None, total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.evals.val.every_epochs = None
    config.model.update(depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
    config.data.update(name="synthetic", batch_size=16, image_size=64, synthetic_examples=32)
