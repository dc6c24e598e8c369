"""The experts of configs/compress/router_digits.py, trained on their own classes.

Score: docs/generate.md.
Cost: docs/generate.md.
Run: effjax train --config=configs/generate/digits.py
     effjax train --config=configs/compress/router_digits.py
     effjax train --config=configs/compress/routed_digits.py
     effjax sample --workdir=runs/routed_digits --guidance=2
"""

import ml_collections

import effjax


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """Fine-tunes the experts."""
    config = effjax.default_config()
    config.total_steps = 400.0
    config.task.update(name="routed_experts", routes="runs/router_digits")
    # as the run that they come from
    config.task.update(process="flow", target="clean", times="logit_normal", times_mean=-1.0)
    config.model.update(name="dit_s_8", width=128, heads=4, depth=3)
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="adan", learning_rate=5e-3, clip_norm=1.0)
    config.schedule.update(name="cosine", warmup_steps=20.0)
    config.ema.decay = 0.99
    config.evals.val.update(evaluator="denoising", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds, with experts of `router_digits.py:quick`."""
    config.total_steps = 4.0
    config.schedule.warmup_steps = 0.0
    config.data.batch_size = 8
    config.model.update(width=32, depth=2)
