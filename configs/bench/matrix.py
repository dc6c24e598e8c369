"""Matrix methods beside the element-wise ones, on the workloads of configs/bench/cpu.py.

Muon, NorMuon, SOAP, KL-SOAP, SOAP-Muon, PSGD-Kron, Scion and Shampoo, and Win around Muon and SOAP,
each with the five learning rates and three seeds that AdamW, Adan and AdamW-Win have. All rows
ship: with --merge the command trains nothing.

Data: as for configs/bench/cpu.py.
Score: see docs/optimizers.md.
Cost: 450 trials for what does not ship elsewhere, about 55 minutes on one CPU core; started again
      it goes on.
Run: effjax bench --config=configs/bench/matrix.py --merge=configs/bench/baselines/matrix \
         --config.data_dir=FOLDER
"""

import ml_collections
from cpu import OPTIMIZERS as ELEMENTWISE
from cpu import TARGETS, WORKLOADS

from effjax.bench import empty_config, optimizer, use_targets

# rates in the middle of the grid: what the authors recommend, as multiples of Adam's where they
# say so; decay is AdamW's for all
DECAY = 0.05
MATRIX = {
    # with its scale by name, as a row by optax's Muon would count for this one else
    "muon": optimizer(name="muon", learning_rate=1e-2, weight_decay=DECAY, scale="spectral"),
    "normuon": optimizer(name="normuon", learning_rate=1e-2, weight_decay=DECAY),
    "soap": optimizer(name="soap", learning_rate=2e-3, weight_decay=DECAY),
    "kl_soap": optimizer(name="kl_soap", learning_rate=2e-3, weight_decay=DECAY),
    "soap_muon": optimizer(name="soap_muon", learning_rate=1e-2, weight_decay=DECAY),
    "kron": optimizer(name="kron", learning_rate=1e-3, weight_decay=DECAY),
    "scion": optimizer(name="scion", learning_rate=1e-2, weight_decay=DECAY),
    "shampoo": optimizer(name="shampoo", learning_rate=2e-3, weight_decay=DECAY),
    "muon_win": optimizer(name="muon_win", learning_rate=1e-2, weight_decay=DECAY),
    "soap_win": optimizer(name="soap_win", learning_rate=2e-3, weight_decay=DECAY),
}
BESIDE = ("adamw", "adan", "adamw_win")


def get_config() -> ml_collections.ConfigDict:
    """The whole comparison."""
    config = empty_config()
    config.workloads.update(WORKLOADS)
    config.optimizers.update({name: ELEMENTWISE[name] for name in BESIDE})
    config.optimizers.update(MATRIX)
    config.tuning.factors = (0.2, 0.5, 1.0, 2.0, 5.0)
    # what the authors say of language models, and of Win beside its base
    claims = {"adan": 2.0, "adamw_win": 1.5, "muon": 2.0, "soap": 1.67, "muon_win": 1.5}
    config.claims = tuple(claims.items())
    config.population.update_cost = False
    if TARGETS.exists():
        use_targets(config.workloads, TARGETS)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """The CAFormer alone, with two optimizers, one rate and two seeds."""
    config.workloads = {"caformer_digits": WORKLOADS["caformer_digits"]}
    config.optimizers = {"adamw": ELEMENTWISE["adamw"], "muon": MATRIX["muon"]}
    config.workloads.caformer_digits.update(max_steps=6, eval_every=3, target=1.0)
    config.tuning.update(factors=(1.0,), seeds=(0, 1))
    config.population.mode = "single"
    config.claims = ()
