"""Generators of handwritten digits, compared over time: networks of equal multiply-adds, processes.

A denoiser takes 10.5 to 10.9 million multiply-adds an image, as a DiT, an MDT, a U-ViT and a
U-Net, by flow matching; the U-Net learns by EDM and by FDM too, in half of the steps. MDT sees each
image twice in a step: "MDT, half the steps" has the compute of the others. A classifier of digits
scores the samples.

Source: MDT, https://arxiv.org/abs/2303.14389; FDM, https://arxiv.org/abs/2306.06991; U-ViT,
        https://arxiv.org/abs/2209.12152; DiT, https://arxiv.org/abs/2212.09748.
Score: see docs/generate.md.
Cost: 24 runs, about 75 minutes on one core; a classifier first:
      effjax train --config=configs/quickstart.py
Run: effjax sweep --config=configs/ablations/generators.py --workdir=runs/generators
Args: gan: WGAN-GP, PPOGAN and its two parts (https://arxiv.org/abs/2006.06900); quick.
--config.evals.samples.classifier=FOLDER is another classifier.
"""

import copy

import ml_collections

import effjax
from effjax.sweep import Sweep

ARGS = ("gan",)
METRIC = "samples/frechet_caformer_s18"
STEPS = 1000.0  # after 500 no network draws digits yet, and all distances are alike
GAN_STEPS = 800.0

# flow matching trains where the shape of digits is decided, see configs/generate/digits.py
FLOW = {"task.times": "logit_normal", "task.times_mean": -1.0}
# the same noise for EDM, since log sigma = -logit t
EDM = {"task.process": "edm", "task.target": None, "task.noise_mean": 1.0}
FDM = {**EDM, "task.momentum": 2.0, "task.weight_warmup": 100}
HALF = {"total_steps": STEPS / 2, "schedule.warmup_steps": 50.0}
QUARTER = {"total_steps": STEPS / 4, "schedule.warmup_steps": 25.0, "task.weight_warmup": 50}


def network(name: str, **fields: object) -> dict[str, object]:
    """Keys of the config for a registered network with these fields."""
    point: dict[str, object] = {"model.name": name}
    for key, value in fields.items():
        point[f"model.{key}"] = value
    return point


# patches of 8x8 pixels, 16 of them: the digits were 8x8
DIT = network("dit_s_8", width=128, heads=4, depth=3)
MDT = network("mdtv2_s_2", patch_size=8, width=120, heads=4, depth=3, decoder=1)
MASKED = {**MDT, **FLOW, "task.mask_ratio": 0.3, "task.mask_ratios": 4}
UVIT = network("uvit_small", patch_size=8, width=120, heads=4, depth=2)
UNET = network("unet_tiny", depths=(1, 1, 1, 1), widths=(5, 10, 20, 40))

DENOISERS = {
    "DiT": {**DIT, **FLOW},
    "MDT": MASKED,
    "MDT, half the steps": {**MASKED, **HALF},
    "U-ViT": {**UVIT, **FLOW},
    "U-Net": {**UNET, **FLOW},
    # EDM asks for noise too, which the DiT's patches cannot tell: it draws no digits by it
    "EDM": {**UNET, **EDM, **HALF},
    "FDM": {**UNET, **FDM, **HALF},
    "FDM, half the steps": {**UNET, **FDM, **QUARTER},
}
# as in configs/generate/gan_digits.py
CLASSIFIER = {"name": "adam", "learning_rate": 2e-4, "b1": 0.0, "b2": 0.9}
CLIP: dict[str, object] = {"task.ratio_clip": 0.4, "task.generator_steps": 2}
CLIP |= {f"optim.classifier.{key}": value for key, value in CLASSIFIER.items()}
WEIGHTS = {"task.weighted_critic": True}
GANS = {
    "WGAN-GP": {},
    "PPOGAN": {**CLIP, **WEIGHTS},
    "clip alone": CLIP,
    "weights alone": WEIGHTS,
}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """What all variants share; each names its own network."""
    config = effjax.default_config()
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    config.schedule.update(name="cosine", warmup_steps=100.0)
    config.evals.val.every_percent = 25.0
    config.evals.samples = copy.deepcopy(config.evals.val)
    config.evals.samples.update(evaluator="samples", classifier="runs/quickstart", count=30)
    config.log.update(tensorboard=False, curves=False)
    if arg == "gan":
        _set_gan(config)
    else:
        _set_denoiser(config)
    return config


def _set_denoiser(config: ml_collections.ConfigDict) -> None:
    config.total_steps = STEPS
    # a patch has more numbers than the network is wide: it predicts images, not noise
    config.task.update(name="diffusion", process="flow", target="clean")
    config.model.name = "dit_s_8"
    config.optim.default.update(name="adan", learning_rate=1.5e-2, clip_norm=1.0)
    config.ema.decay = 0.999
    config.evals.val.evaluator = "denoising"
    config.evals.samples.update(sampler="euler", steps=20, guidance=2.0)


def _set_gan(config: ml_collections.ConfigDict) -> None:
    config.total_steps = GAN_STEPS
    config.schedule.warmup_steps = 50.0
    config.task.name = "adversarial"
    config.task.update(game="wasserstein", gradient_penalty=10.0, critic_steps=4)
    config.model.name = "conv_generator_tiny"
    for group in ("generator", "critic"):
        effjax.add_optimizer(config, group, name="adam", learning_rate=2e-3, b1=0.0, b2=0.9)
    config.ema.decay = 0.99
    config.evals.val.evaluator = "critic"


def quick(config: ml_collections.ConfigDict) -> None:
    """Runs of seconds, without a classifier."""
    config.total_steps = 4.0
    config.schedule.warmup_steps = 0.0
    config.data.batch_size = 8
    del config.evals.samples


def sweep(arg: str | None = None) -> Sweep:
    """The variants."""
    if arg == "quick":
        small = network("dit_s_8", width=32, heads=2, depth=1)
        return Sweep({"DiT": {**small, **FLOW}}, (0,), "val/loss")
    return Sweep(GANS if arg == "gan" else DENOISERS, (0, 1, 2), METRIC)
