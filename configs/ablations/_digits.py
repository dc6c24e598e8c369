"""What the ablations of this folder have in common: a small MetaFormer on handwritten digits.

The papers took ImageNet-1k for 300 epochs. Here each run takes a minute on two CPU cores, so that
differences below a percent need more seeds: --config.total_epochs and the seeds of `sweep` are
there to be raised, and --config.data.name to be changed.
"""

import ml_collections

import effjax

STAGES = 4


def small_metaformer(name: str) -> ml_collections.ConfigDict:
    """Registered network `name` with four blocks of 32 to 128 channels."""
    config = effjax.default_config()
    config.total_epochs = 12.0
    config.model.update(
        name=name,
        depths=(1, 1, 1, 1),
        dims=(32, 64, 96, 128),
        patch_kernels=(3, 3, 3, 3),
        patch_strides=(2, 2, 2, 2),
        patch_pads=(1, 1, 1, 1),
        drop_path_rate=0.0,
    )
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=3, hflip=0.0)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_epochs=2.0)
    config.evals.val.every_epochs = 2.0
    config.log.update(tensorboard=False, curves=False)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Runs of seconds on synthetic images; a config file imports this function."""
    config.update(total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.evals.val.every_epochs = None
    config.model.update(dims=(8, 8, 32, 32))
    config.data.update(
        name="synthetic", synthetic_examples=32, image_size=16, batch_size=16, cache=None
    )


def seeds(arg: str | None) -> tuple[int, ...]:
    """Three; one for `quick`."""
    return (0,) if arg == "quick" else (0, 1, 2)
