"""Which channels of a small GAN of digits stay: two agents, and densities in neighbourhoods.

A reconstruction of https://arxiv.org/abs/2312.14776, of which no code is published.
Score: docs/generate.md has its channels, and what they draw beside the largest ones (one seed).
Cost: 186 s on one busy core of an AMD EPYC, half of it compiling (27 November 2026).
Run: effjax train --config=configs/generate/gan_digits.py
     effjax train --config=configs/compress/density_gan_digits.py
     effjax train --config=configs/compress/narrow_gan_digits.py:density
     effjax sample --workdir=runs/narrow_gan_digits-density
"""

import ml_collections

import effjax


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """Agents for the networks of configs/generate/gan_digits.py."""
    config = effjax.default_config()
    config.total_steps = 200.0
    config.task.update(name="density_agents", teacher="runs/gan_digits")
    config.task.update(budget="0.5x", critic_budget="0.5x")
    # the game that the teacher has played
    config.task.update(game="wasserstein", gradient_penalty=10.0, critic_steps=2)
    config.model.name = "conv_generator_tiny"
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    for group in ("generator", "critic"):
        effjax.add_optimizer(config, group, name="adam", learning_rate=1e-3, b1=0.0, b2=0.9)
    config.schedule.update(name="constant", warmup_steps=0.0)
    config.evals.val.update(evaluator="critic", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds, with `gan_digits.py:quick` of configs/generate as its teacher."""
    config.total_steps = 4.0
    config.data.batch_size = 8
    config.model.widths = (8, 8, 8, 8)
    config.task.update(critic_widths=(8, 8, 8), teacher="runs/gan_digits-quick")
    config.task.update(samples=32, neighbourhoods=2, members=4)
