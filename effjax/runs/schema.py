"""The canonical config tree: every key, its default, and what it means."""

import dataclasses
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import ml_collections

from effjax.config import UNSET, Duration, to_config
from effjax.data import DataConfig, MixConfig, ViewConfig
from effjax.ranges import BelowOne, Count, NotNegative, NotNegativeInt, Positive, Range

Dtype = Literal["float32", "bfloat16", "float16", "float64"]
Seed = Annotated[int, Range(0, 2**64 - 1)]  # see effjax.runs.seeds


@dataclasses.dataclass
class EarlyStopConfig:
    """Ends a run whose metric does not improve any more; the last step is evaluated and saved."""

    metric: str | None = None  # such as "val/top1"; None: the run is never ended early
    patience: Count = 10  # measurements without an improvement that end the run
    min_delta: NotNegative = 0.0  # what is better by no more than this is no improvement


@dataclasses.dataclass
class TaskConfig:
    """What is learned; further keys are the task's own."""

    open_section: ClassVar[bool] = True
    name: str = "classification"  # a registered task, or "package.module:Class"
    early_stop: EarlyStopConfig = field(default_factory=EarlyStopConfig)


@dataclasses.dataclass
class ModelConfig:
    """Which network; further keys override fields of its architecture (see `effjax models`)."""

    open_section: ClassVar[bool] = True
    # a registered model, "package.module:name", or the folder of a run to start from
    name: str = "caformer_s18"
    # None: as many as the data has; 0: no head, the network returns its features
    num_classes: NotNegativeInt | None = None
    dtype: Dtype = "float32"  # of the computation; norms' statistics and logits stay float32
    param_dtype: Dtype = "float32"
    arch: str | None = None  # an architecture.json: its fields replace those given here


@dataclasses.dataclass
class OptimConfig:
    """One optimizer; further keys are its hyperparameters (see `effjax optimizers NAME`)."""

    open_section: ClassVar[bool] = True
    name: str = "adan"
    learning_rate: NotNegative = 1e-3  # the peak; the schedule scales it
    weight_decay: NotNegative = 0.0
    # (regex over the parameter path, whether it decays); the first match counts, all must match
    decay: tuple[tuple[str, bool], ...] = ((r"kernel$", True), (r".*", False))
    clip_norm: Positive | None = None  # largest global gradient norm of this group; None: no limit
    # (regex, factor of the learning rate), first match; 0.0 freezes, no match: 1.0
    lr_scale: tuple[tuple[str, NotNegative], ...] = ()
    # factor of the learning rate from each layer to the one below
    layer_decay: Annotated[float, Range(0, 1, "(]")] | None = None


@dataclasses.dataclass
class ScheduleConfig:
    """Learning rate over the run, relative to each group's peak; further keys are its fields."""

    open_section: ClassVar[bool] = True
    name: str = "cosine"
    warmup: Duration = UNSET
    # (steps that were planned until then, how the rate goes on), written by `--extend=KIND`
    extended: tuple[tuple[Count, Literal["constant", "restart", "cooldown"]], ...] = ()


@dataclasses.dataclass
class SamConfig:
    """Sharpness-aware minimization around the optimizers: two gradients an update."""

    rho: Positive | None = None  # how far it climbs before the gradient is taken; None: off
    adaptive: bool = False  # ASAM: relative to the size of each weight; takes about ten times rho


@dataclasses.dataclass
class EmaConfig:
    """Average of what is evaluated (parameters and model state), evaluated as `<eval>_ema/*`."""

    decay: BelowOne | None = None  # None: off
    warmup: bool = True  # decay at step t is min(decay, (1 + t) / (10 + t))


@dataclasses.dataclass
class ParallelConfig:
    """How the step runs on its devices; nothing here changes the result beyond rounding."""

    mode: Literal["mesh", "pmap"] = "mesh"
    devices: Count | None = None  # None: all
    fsdp: Count = 1  # so many devices share each parameter and its optimizer state (mesh only)
    # (regex over the parameter path, "largest", an axis or None): along which axis they divide it
    shard: tuple[tuple[str, str | int | None], ...] = ((r".*", "largest"),)
    shard_least: NotNegativeInt = 65536  # arrays of fewer elements are on every device
    # large products on a CPU call oneDNN: faster steps, but a program that no cache keeps, so that
    # every start compiles. None: in runs that see 2^30 pixels or more
    onednn: bool | None = None


@dataclasses.dataclass
class CheckpointConfig:
    """When the state is saved and what is kept; the last step is always saved."""

    every: Duration = UNSET  # none set: only at the end and when interrupted
    keep_last: Count = 2
    keep_best: str | None = None  # a metric such as "val/top1": its best checkpoint is kept too
    keep_every_steps: Count | None = None  # checkpoints at multiples of this are never removed


@dataclasses.dataclass
class EvalConfig:
    """One evaluation; further keys are the evaluator's own."""

    open_section: ClassVar[bool] = True
    evaluator: str = "classification"
    split: str | None = None  # None: data.val_split
    every: Duration = UNSET  # none set: only at the end


@dataclasses.dataclass
class LogConfig:
    """What is written while training."""

    every: Duration = UNSET  # rows of train/*; none set: fifty times in a run
    # sharpness beside 2 / learning rate, and noise scale, as optim/*; none set: never
    curvature_every: Duration = UNSET
    # norms of gradients and updates, layer by layer; none set: never
    norms_every: Duration = UNSET
    # noise of the gradient, and its scale, from the parts of each batch (see `accumulate`) or the
    # devices of pmap, as optim/batch_*
    noise_scale: bool = False
    tensorboard: bool = True
    wandb: str | None = None  # project name
    curves: bool = True


@dataclasses.dataclass
class RunConfig:
    """A whole run."""

    total: Duration = UNSET
    seed: Seed = 0
    accumulate: Count = 1  # a batch is taken in this many parts, one after another
    nonfinite: Literal["stop", "skip"] = "stop"  # skip: leave out updates that are not finite
    nonfinite_limit: Count = 10  # with skip: stop after this many in a row
    continue_from: str | None = None  # a run whose state a new run starts from, where it fits
    init_from: str | None = None  # a workdir or a weights file to start from
    init_ignore: tuple[str, ...] = ()  # regexes of names in that file that need not be loaded
    init_rename: tuple[tuple[str, str], ...] = ()  # (regex, replacement) for the names in that file
    task: TaskConfig = field(default_factory=TaskConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    optim: dict[str, OptimConfig] = field(default_factory=lambda: {"default": OptimConfig()})
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    sam: SamConfig = field(default_factory=SamConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    evals: dict[str, EvalConfig] = field(default_factory=lambda: {"val": EvalConfig()})
    log: LogConfig = field(default_factory=LogConfig)


def default_config() -> ml_collections.ConfigDict:
    """The config tree with every default, to be changed and returned by a config file."""
    return to_config(RunConfig)


def add_optimizer(
    config: ml_collections.ConfigDict, group: str, **fields: Any
) -> ml_collections.ConfigDict:
    """Adds `config.optim.<group>`, the optimizer of the parameters that a task labels `group`.

    Args:
      config: what `default_config` made.
      group: a label of `Task.groups`; an entry that is there already is changed.
      **fields: fields of `OptimConfig` and hyperparameters; those left out keep their defaults.

    Returns:
      The entry, `config.optim.<group>`.
    """
    if group not in config.optim:
        config.optim[group] = to_config(OptimConfig)
    config.optim[group].update(fields)
    return config.optim[group]


def add_view(
    config: ml_collections.ConfigDict, name: str, **fields: Any
) -> ml_collections.ConfigDict:
    """Adds `config.data.views.<name>`, crops of each example for tasks that take several.

    Args:
      config: what `default_config` made.
      name: what the task calls these crops, such as "query"; one that is there is changed.
      **fields: fields of `effjax.data.ViewConfig`; those left out keep their defaults.

    Returns:
      The entry, `config.data.views.<name>`.
    """
    views = config.data.views
    if name not in views:
        views[name] = to_config(ViewConfig)
    views[name].update(fields)
    return views[name]


# Keys that cannot change the result: a run may be continued with other values of these.
FREE_KEYS = ("parallel.", "data.workers", "data.cache", "log.", "checkpoint.")
