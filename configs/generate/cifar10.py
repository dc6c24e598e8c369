"""CIFAR-10 out of noise, 32 pixels: DiT or U-ViT by flow matching, or a U-Net by EDM.

Score: not run by us. Users of DiT stay near FID 10 on CIFAR-10; EDM's U-Net reaches 1.79 to 1.97.
Cost: not measured by us; one GPU for hours. `--config.data.name` names a CIFAR-10 that TFDS knows.
Run: effjax train --config=configs/generate/cifar10.py
Args: dit, mdt, uvit (ScaleLong's constant skips), unet (EDM's recipe in small), fdm.
"""

import ml_collections

import effjax

ARGS = ("dit", "mdt", "uvit", "unet", "fdm")
NETWORKS = {
    "dit": {"name": "dit_s_2", "width": 384, "heads": 6, "depth": 12},
    "mdt": {"name": "mdtv2_s_2", "depth": 12, "decoder": 4},
    "uvit": {"name": "uvit_small", "skips": "constant", "kappa": 0.7},
    "unet": {"name": "unet_small"},
    "fdm": {"name": "unet_small"},
}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """A class-conditional generator of CIFAR-10."""
    arg = arg or "dit"
    config = effjax.default_config()
    config.total_steps = 200_000.0
    config.task.name = "diffusion"
    config.model.update(NETWORKS[arg], dtype="bfloat16")
    config.data.update(name="cifar10", val_split="test", image_size=32, batch_size=256)
    config.data.augment.update(crop="none", hflip=0.5)
    config.schedule.update(name="constant", warmup_steps=2000.0)
    config.ema.decay = 0.9999
    config.evals.val.update(evaluator="denoising", every_steps=5000.0)
    config.checkpoint.update(every_steps=5000.0, keep_every_steps=50_000)
    if arg in ("dit", "mdt"):
        # MDT's recipe: Adan, no decay, clip 1
        config.optim.default.update(name="adan", learning_rate=3e-4, clip_norm=1.0)
    if arg == "mdt":
        config.task.update(mask_ratio=0.3, mask_ratios=8)
    if arg == "uvit":
        config.optim.default.update(
            name="adamw", learning_rate=2e-4, b1=0.99, b2=0.999, weight_decay=0.03
        )
    if arg in ("unet", "fdm"):
        config.optim.default.update(name="adam", learning_rate=1e-3)
        config.task.process = "edm"
    if arg == "fdm":
        config.task.update(momentum=2.0, weight_warmup=800)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The same in seconds, on images that are made up."""
    config.total_steps = 3.0
    config.schedule.warmup_steps = 0.0
    config.data.update(name="synthetic", batch_size=8, synthetic_examples=32)
    config.data.update(val_split="validation")
    config.model.update(width=32, heads=2, depth=2)
