"""Digits out of noise in the latents of an autoencoder: a small DiT by flow matching.

Data: latents that `effjax data latents` has written, see configs/generate/autoencoder_digits.py.
Score: 99.2 % of 500 samples are what they should be, for a classifier with 99.2 %
       (docs/generate.md).
Cost: 88 CPU seconds of an AMD EPYC, compiling included (27 November 2026).
Run: effjax train --config=configs/generate/latent_digits.py
     effjax sample --workdir=runs/latent_digits --guidance=2
"""

import ml_collections

import effjax


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """A small denoiser of 8x8x4 latents."""
    config = effjax.default_config()
    config.total_steps = 1000.0
    config.task.update(name="diffusion", process="flow", target="clean", latents="latents/digits")
    config.model.update(name="dit_s_2", width=128, heads=4, depth=3)
    # what `effjax sample --classifier` compares samples with
    config.data.update(name="digits", image_size=32, batch_size=64)
    config.optim.default.update(name="adan", learning_rate=1.5e-2, clip_norm=1.0)
    config.schedule.update(name="cosine", warmup_steps=100.0)
    config.ema.decay = 0.999
    config.evals.val.update(evaluator="denoising", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images in the place of latents."""
    config.total_steps = 4.0
    config.schedule.warmup_steps = 0.0
    config.task.latents = None
    config.data.update(image_size=16, batch_size=8)
    config.model.update(width=32, heads=2, depth=2)
