"""A run of seconds for benchmarks/torture.py: 40 steps of a tiny network, saved every other step.

Score: of no interest.
Cost: 4 seconds on two CPU cores once its programs are cached.
Run: effjax train --config=benchmarks/torture_config.py
"""

import ml_collections

import effjax


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The config; it has no args."""
    config = effjax.default_config()
    config.total_steps = 40.0
    config.data.update(name="synthetic", synthetic_examples=96, image_size=16, batch_size=16)
    config.data.augment.update(crop="none", hflip=0.5)
    config.mix.update(mixup=0.8, label_smoothing=0.1)
    config.model.update(
        name="poolformer_s12",
        depths=(1, 1),
        dims=(16, 16),
        mixers=("identity", "identity"),
        kernel_sizes=(3, 3),
        patch_kernels=(3, 3),
        patch_strides=(2, 2),
        patch_pads=(1, 1),
        layer_scale=(None, None),
        residual_scale=(None, None),
        remat=(False, False),
        drop_path_rate=0.2,
    )
    config.ema.decay = 0.9
    config.evals.val.every_steps = 8.0
    config.checkpoint.every_steps = 2.0
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    return config
