"""Which parts of a small DiT of digits each class needs: a router and three experts (APTP).

Score: docs/generate.md.
Cost: docs/generate.md.
Run: effjax train --config=configs/generate/digits.py
     effjax train --config=configs/compress/router_digits.py
     effjax train --config=configs/compress/routed_digits.py
     effjax sample --workdir=runs/routed_digits --guidance=2
Args: published (no gradient of the network's loss to the router, codes of any number of classes).
"""

import ml_collections

import effjax

ARGS = ("published",)


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """Learns gates on the network of configs/generate/digits.py, which is held."""
    config = effjax.default_config()
    config.total_steps = 600.0
    config.task.update(name="prompt_router", teacher="runs/digits", experts=3, budget="0.7x")
    if arg == "published":
        config.task.update(straight_through=False, evenly=False)
    # as the run that is divided
    config.task.update(process="flow", target="clean", times="logit_normal", times_mean=-1.0)
    config.model.update(name="dit_s_8", width=128, heads=4, depth=3)
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    # gates begin at logits of 3: a small rate would take thousands of steps to close one
    config.optim.default.update(name="adamw", learning_rate=0.1)
    config.schedule.update(name="cosine", warmup_steps=0.0)
    config.evals.val.update(evaluator="denoising", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds, on the network of `digits.py:quick`."""
    config.total_steps = 4.0
    config.data.batch_size = 8
    config.model.update(width=32, depth=2)
