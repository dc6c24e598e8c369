"""How far larger batches save steps, and what strong augmentation changes, for four optimizers.

Workloads: the CAFormer of configs/bench/cpu.py on digits with batches of 16, 64 and 256, each over
           the same 11,520 examples, to the same target; and the same network with RandAugment,
           mixup and cutmix, an ordinary run each. Three learning rates and three seeds.
Score: none yet: it has not been run as a whole.
Cost: 144 trials, 20 to 25 minutes on one CPU core by the steps of other benches; started again it
      goes on.
Run: effjax bench --config=configs/bench/scaling.py
Args: augmented: the recipe of the last workload, for `effjax train`.
"""

from pathlib import Path

import ml_collections
from cpu import OPTIMIZERS as CPU_OPTIMIZERS
from cpu import WORKLOADS as CPU_WORKLOADS

import effjax
from effjax.bench import empty_config, workload

ARGS = ("augmented",)
BATCHES = (16, 64, 256)
EXAMPLES = 11_520
EVALUATIONS = 15
TARGET = 0.0556  # of the CAFormer, see configs/bench/targets/cpu.json
NAMES = ("adamw", "adan", "lamb", "muon")


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """The comparison, or the recipe of a workload."""
    if arg == "augmented":
        return _augmented()
    config = empty_config()
    for batch_size in BATCHES:
        section = CPU_WORKLOADS["caformer_digits"].copy_and_resolve_references()
        steps = EXAMPLES // batch_size
        section.update(batch_size=batch_size, max_steps=steps, target=TARGET)
        section.eval_every = steps // EVALUATIONS
        config.workloads[f"batch_{batch_size}"] = section
    config.workloads.augmented = workload(
        problem="recipe",
        recipe=f"{Path(__file__)}:augmented",
        batch_size=64,
        max_steps=180,
        eval_every=12,
        warmup_percent=10.0,
    )
    config.optimizers.update({name: CPU_OPTIMIZERS[name] for name in NAMES})
    config.tuning.factors = (0.3, 1.0, 3.0)
    config.population.update_cost = False
    return config


def _augmented() -> ml_collections.ConfigDict:
    """The CAFormer with strong augmentation."""
    config = effjax.default_config()
    config.total_steps = 180.0
    config.model.update(CPU_WORKLOADS["caformer_digits"].model.to_dict())
    config.data.update(name="digits", image_size=16, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=2, hflip=0.0, randaugment="rand-m5-mstd0.5-inc1")
    config.mix.update(mixup=0.2, cutmix=1.0, label_smoothing=0.1)
    config.log.update(tensorboard=False, curves=False)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """One batch size, one optimizer, one rate and two seeds."""
    if "workloads" not in config:
        config.total_steps = 4.0
        return
    for label in ("batch_64", "batch_256", "augmented"):
        del config.workloads[label]
    config.workloads.batch_16.update(max_steps=6, eval_every=3)
    config.optimizers = {"adamw": config.optimizers.adamw}
    config.tuning.update(factors=(1.0,), seeds=(0, 1))
    config.population.mode = "single"
