"""Optimizers on a small generator of digits: Adan against AdamW, four rates each.

Workload: diffusion_digits, the DiT of configs/generate/digits.py by flow matching. It is scored by
          the squared error of the velocity on held-out digits, at times and noises that never
          change: val/loss.
Score: see docs/generate.md. A shared rate says nothing: AdamW's best is a tenth to a fifth of
       Adan's.
Cost: 12 minutes on one idle CPU core, eight runs; started again it goes on.
Run: effjax bench --config=configs/bench/diffusion.py
     (with --merge=configs/bench/baselines/diffusion our rows are there already)
"""

from pathlib import Path

import ml_collections

from effjax.bench import empty_config, optimizer, use_targets, workload

RECIPE = Path(__file__).parent.parent / "generate/digits.py"
TARGETS = Path(__file__).parent / "targets/diffusion.json"


def get_config() -> ml_collections.ConfigDict:
    """Two optimizers, a grid of rates, one seed."""
    config = empty_config()
    config.workloads.diffusion_digits = workload(
        problem="recipe",
        recipe=str(RECIPE),
        metric="val/loss",
        batch_size=64,
        max_steps=1000,
        eval_every=100,
        warmup_percent=10.0,
    )
    config.optimizers.update(
        adamw=optimizer(name="adamw", learning_rate=1e-3),
        adan=optimizer(name="adan", learning_rate=3e-3),
    )
    config.tuning.update(protocol="grid", factors=(0.3, 1.0, 3.0, 10.0), seeds=(0,))
    if TARGETS.exists():
        use_targets(config.workloads, TARGETS)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    config.workloads.diffusion_digits.update(
        recipe=f"{RECIPE}:quick", batch_size=8, max_steps=4, eval_every=2
    )
    config.optimizers = {"adamw": config.optimizers.adamw}
    config.tuning.factors = (1.0,)
