"""What `config.task` says of a search: every key, its default, its meaning."""

import dataclasses
from typing import Literal

from effjax.config import UNSET, Clock, Duration, View
from effjax.errors import UserError
from effjax.tasks.classification import Classification


@dataclasses.dataclass(frozen=True)
class SearchConfig(Classification.Config):
    """Keys of `config.task` beside those of classification."""

    where: str = ""  # regex over paths such as "stages_0.blocks_1.token_mixer.dwconv"; "": all
    max_size: int = 11  # the largest window, odd
    separable: bool = False  # a height and a width for each square convolution
    sizes: Literal["gru", "free"] = "gru"  # the size predictor, or each size a parameter
    kernels: Literal["superkernel", "implicit"] = "superkernel"  # learned at max_size, or predicted
    mask: Literal["ramp", "smoothstep", "sigmoid", "straight_through"] = "ramp"
    start: float = 0.975  # where between 1 and max_size the sizes begin, as a share
    hold: Duration = UNSET  # the sizes do not move before; none set: a fifth of the run
    # when the budget holds in full; until then it tightens ("projected") or its weight grows; none
    # set: four fifths of the run
    warmup: Duration = UNSET
    settled: Duration = UNSET  # end when rounded sizes have not changed for so long; none: never
    # "projected": sizes cost the budget by construction; the others are terms of the loss
    form: Literal["projected", "two_sided", "hinge"] = "projected"
    weight: float = 0.1  # of the budget beside the task's loss; not for "projected"
    cost: Literal["params", "macs", "latency"] = "macs"
    scope: Literal["operators", "network"] = "operators"  # the searched operators, or all
    latency_table: str | None = None  # of effjax profile --latency-table, for cost = "latency"
    # the budget is what these sizes would cost everywhere; several: one search read off at each
    budget_sizes: tuple[int, ...] = (7,)
    budget: float | None = None  # an absolute one, in the unit of `cost`, in their place
    rule: Literal["energy", "nearest", "outer"] = "energy"  # from soft to odd sizes
    discarded: float = 0.01  # what the energy rule may leave out of a kernel's ||m w||^2
    repair: bool = True  # bring the odd sizes to the budget
    recalibrate: int = 16  # batches over which a found network's batch statistics are taken anew
    # effjax search --compare: the arms, each trained from scratch with the sizes it has found
    compare_arms: tuple[str, ...] = ("found", "uniform", "trim", "random", "free")
    compare_seeds: int = 5
    compare_random: int = 3  # random allocations; each seed trains all of them
    compare_epochs: float | None = None  # of a training; None: as long as the search

    def __post_init__(self) -> None:
        for name in ("start", "discarded"):
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise UserError(f"config.task.{name} = {value}; expected 0 < {name} < 1")
        if self.weight < 0:
            raise UserError(f"config.task.weight = {self.weight}; give 0 or more")
        odd = [size for size in self.budget_sizes if size >= 1 and size % 2 == 1]
        if not odd or len(odd) < len(self.budget_sizes):
            raise UserError(
                f"config.task.budget_sizes = {self.budget_sizes}; give odd sizes, as (7,)"
            )
        if len(self.budget_sizes) > 1 and self.sizes == "free":
            raise UserError("free sizes know no budget: give one size in config.task.budget_sizes")
        if (self.latency_table is None) == (self.cost == "latency"):
            raise UserError(
                "config.task.cost = 'latency' and config.task.latency_table belong together\n"
                "effjax profile --config=F --latency-table=OUT.json writes such a table"
            )

    def steps(self, name: str, config: View, examples: int) -> int | None:
        """The steps of a duration in a run of `config` over so many examples an epoch."""
        clock = Clock(config.data.batch_size, examples)
        total = clock.steps(config, "total")
        share = {"hold": total // 5, "warmup": 4 * total // 5, "settled": None}[name]
        section = {key: config.task[key] for key in self._units(name) if key in config.task}
        filled = dict.fromkeys(self._units(name)) | section
        return dataclasses.replace(clock, total_steps=total).steps(filled, name, share)

    @staticmethod
    def _units(name: str) -> list[str]:
        return [f"{name}_{unit}" for unit in ("steps", "epochs", "examples", "percent")]
