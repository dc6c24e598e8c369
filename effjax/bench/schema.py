"""What a benchmark's config may say: every key, its range, its default, what it means.

The values of a workload are part of the hash that its rows are found by. A new field of
`WorkloadConfig`, or another default, makes all old rows those of another workload.
"""

import dataclasses
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import ml_collections

from effjax.config import to_config
from effjax.ranges import BelowOne, Count, NotNegative, NotNegativeInt, Positive, Range

Percent = Annotated[float, Range(0, 100)]
SomePercent = Annotated[float, Range(0, 100, "(]")]
SomeShare = Annotated[float, Range(0, 1, "(]")]
Seed = Annotated[int, Range(0, 2**31 - 1)]  # an int32 on the device


@dataclasses.dataclass
class DataSection:
    """Images and labels; training and evaluation examples are drawn once, by a fixed seed."""

    name: str = "digits"  # a TFDS name or a path, see `effjax data`
    files: str | None = None  # below config.data_dir, used in place of `name` where it is there
    train_split: str = "train"
    eval_split: str | None = None  # None: examples of train_split that are not trained on
    train_examples: Count | None = None  # None: all that are left
    eval_examples: Count | None = None
    image_size: Count = 32
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[Positive, Positive, Positive] = (0.25, 0.25, 0.25)


@dataclasses.dataclass
class ModelSection:
    """What is trained; further keys are the problem's or the architecture's."""

    open_section: ClassVar[bool] = True
    name: str = ""


@dataclasses.dataclass
class WorkloadConfig:
    """One workload. Everything here and the data's contents go into its hash."""

    problem: str = "mlp"  # see `effjax.bench.problems.PROBLEMS`, or "recipe"
    recipe: str = ""  # problem "recipe": a config of `effjax train`, file.py[:arg]
    data: DataSection = field(default_factory=DataSection)
    model: ModelSection = field(default_factory=ModelSection)
    loss: str = "cross_entropy"
    label_smoothing: BelowOne = 0.0
    # lower is better in all; a probe's error is that of a linear classifier on frozen features
    metric: Literal["val/error", "val/loss", "val/probe_error"] = "val/error"
    target: float | None = None  # None: no time to target, only what was reached
    batch_size: Count = 64
    max_steps: Count = 200
    eval_every: Count = 10  # steps
    schedule: str = "cosine"
    warmup_percent: Percent = 5.0
    seed: NotNegativeInt = (
        0  # of what the problem itself draws (a spectrum's directions), not of a trial
    )


@dataclasses.dataclass
class OptimizerConfig:
    """One entry of the comparison; further keys are hyperparameters (`effjax optimizers NAME`)."""

    open_section: ClassVar[bool] = True
    name: str = "adamw"
    learning_rate: Positive = 1e-3  # the default, and the middle of grids
    weight_decay: NotNegative = 0.0
    schedule: str | None = None  # None: the workload's


@dataclasses.dataclass
class TuningConfig:
    """Which settings each optimizer is given, the same way for all."""

    protocol: Literal["defaults", "grid", "random"] = "grid"
    # grid: the learning rate times each of these
    factors: tuple[Positive, ...] = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
    trials: Count = 16  # random: points of a Halton sequence, the same ones for every optimizer
    # random: (key, kind, low, high); kind is log or linear. Keys are hyperparameters,
    # `learning_rate_factor` (times the optimizer's own rate) or `one_minus_<hyperparameter>`;
    # what an optimizer does not have is left out for it
    space: tuple[tuple[str, str, float, float], ...] = (
        ("learning_rate_factor", "log", 0.1, 10.0),
        ("weight_decay", "log", 1e-4, 1e-1),
        ("one_minus_b1", "log", 0.02, 0.5),
    )
    # of recipes whose schedule is "wsd": shares of max_steps, each a run with a decay of its own.
    # Those of one setting and seed share the stable phase: it is trained once
    lengths: tuple[SomeShare, ...] = ()
    seed: NotNegativeInt = 0  # of the sequence
    seeds: tuple[Seed, ...] = (0, 1, 2)  # trained with each setting


@dataclasses.dataclass
class PopulationConfig:
    """How trials are put together into programs; nothing here changes what is compared."""

    mode: Literal["auto", "vmap", "single"] = "auto"  # auto: what a timed probe finds faster
    most: Count = 64  # trials in one program
    memory_percent: SomePercent = 40.0  # of the device's memory that a program may take
    update_cost: bool = True  # time the optimizer's update alone, on the largest workload


@dataclasses.dataclass
class BenchConfig:
    """A benchmark."""

    workloads: dict[str, WorkloadConfig] = field(default_factory=dict)
    optimizers: dict[str, OptimizerConfig] = field(default_factory=dict)
    tuning: TuningConfig = field(default_factory=TuningConfig)
    population: PopulationConfig = field(default_factory=PopulationConfig)
    data_dir: str | None = None  # where the workloads' `data.files` are
    reference: str = "adamw"  # the optimizer that speed-ups are relative to
    # (optimizer, factor): "needs this many times fewer steps than the reference", for the report
    # to test
    claims: tuple[tuple[str, Positive], ...] = ()
    # targets are made from the trials of these, see `targets.choose_target`
    targets_from: tuple[str, ...] = ("adamw", "sgd_nesterov")
    # after this share of the steps: a slower optimizer then has twice the steps to reach them
    targets_share: SomeShare = 0.5
    baselines: tuple[str, ...] = ()  # results.jsonl files or folders that are compared with


def empty_config() -> ml_collections.ConfigDict:
    """A benchmark without workloads and optimizers, for a config file to fill."""
    return to_config(BenchConfig)


def workload(**fields: Any) -> ml_collections.ConfigDict:
    """A workload's section: the defaults with `fields`, where `data` and `model` are dicts."""
    return _section(WorkloadConfig, fields)


def optimizer(**fields: Any) -> ml_collections.ConfigDict:
    """An optimizer's section."""
    return _section(OptimizerConfig, fields)


def _section(schema: type, fields: dict[str, Any]) -> ml_collections.ConfigDict:
    section = to_config(schema)
    for key, value in fields.items():
        if isinstance(value, dict):
            section[key].update(value)
        else:
            section[key] = value
    return section
