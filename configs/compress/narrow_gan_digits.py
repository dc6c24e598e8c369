"""A generator of digits with half of the multiply-adds, taught by the whole one.

Score: docs/generate.md has one seed of both.
Cost: not measured by us; about half of its teacher's.
Run: effjax train --config=configs/generate/gan_digits.py
     effjax train --config=configs/compress/narrow_gan_digits.py
     effjax sample --workdir=runs/narrow_gan_digits
Args: density (the channels that the agents of configs/compress/density_gan_digits.py have kept).
"""

import ml_collections

import effjax

ARGS = ("density",)


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """GAN Compression of configs/generate/gan_digits.py."""
    config = effjax.default_config()
    config.total_steps = 300.0
    config.task.update(name="narrow_generator", teacher="runs/gan_digits", budget="0.5x")
    if arg == "density":
        config.task.channels = "runs/density_gan_digits"
    # the game that the teacher has played
    config.task.update(game="wasserstein", gradient_penalty=10.0, critic_steps=4)
    config.model.name = "conv_generator_tiny"
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    for group in ("generator", "critic"):
        effjax.add_optimizer(config, group, name="adam", learning_rate=1e-3, b1=0.0, b2=0.9)
    config.schedule.update(name="cosine", warmup_steps=50.0)
    config.ema.decay = 0.99
    config.evals.val.update(evaluator="critic", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds, with `gan_digits.py:quick` of configs/generate as its teacher."""
    config.total_steps = 4.0
    config.schedule.warmup_steps = 0.0
    config.data.batch_size = 8
    config.model.widths = (8, 8, 8, 8)
    config.task.update(critic_widths=(8, 8, 8), teacher="runs/gan_digits-quick")
