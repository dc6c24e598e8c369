"""ImageNet 256 in the latents of an autoencoder: DiT and MDT with their published recipes.

Data: a folder of latents [N, 32, 32, 4] that an autoencoder has made, see docs/generate.md.
Score: not run by us. Published, FID-50K with guidance: DiT-XL/2 2.27, MDTv2-XL/2 1.58.
Cost: DiT-XL/2 119 billion multiply-adds an example forward; weeks of eight GPUs. MDTv2's step is
      two passes and costs 1.8 to 2.1 of DiT's: compare at equal compute, not at equal steps.
Run: effjax train --config=configs/generate/imagenet_latents.py:mdt-xl --config.task.latents=FOLDER
Args: dit-s, dit-b, dit-l, dit-xl, mdt-s, mdt-b, mdt-l, mdt-xl.

Clipping is by the norm of all parameters. In MDT's code each rank clips the norm of its own shard,
which is looser and depends on the number of GPUs.
"""

import ml_collections

import effjax

ARGS = ("dit-s", "dit-b", "dit-l", "dit-xl", "mdt-s", "mdt-b", "mdt-l", "mdt-xl")


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """DiT or MDTv2 of a size."""
    family, _, size = (arg or "dit-xl").partition("-")
    config = effjax.default_config()
    config.total_steps = 400_000.0
    config.task.update(
        name="diffusion",
        process="ddpm",
        variance="learned",
        latents="imagenet_latents",
        latent_scale=0.18215,
    )
    name = "dit" if family == "dit" else "mdtv2"
    config.model.update(name=f"{name}_{size}_2", num_classes=1000, dtype="bfloat16")
    config.data.batch_size = 256
    config.schedule.name = "constant"
    config.ema.decay = 0.9999
    config.evals.val.update(evaluator="denoising", every_steps=10_000.0)
    config.checkpoint.update(every_steps=10_000.0, keep_every_steps=100_000)
    config.optim.default.update(name="adamw", learning_rate=1e-4)
    if family == "dit":
        config.model.scan = True
    else:
        # the published ratio is drawn anew in each step; here it is one of eight
        config.task.update(mask_ratio=0.3, mask_ratios=8, min_snr=5.0)
        config.optim.default.update(name="adan", learning_rate=3e-4, clip_norm=1.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images that are made up in the place of latents."""
    config.total_steps = 3.0
    config.task.latents = None
    config.data.update(name="synthetic", image_size=16, batch_size=8, synthetic_examples=32)
    config.model.update(width=32, heads=2, depth=2, num_classes=None)
