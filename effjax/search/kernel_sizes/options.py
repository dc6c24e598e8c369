"""What `config.task` says of a search: every key, its default, its meaning."""

import dataclasses
from typing import Annotated, Literal

from effjax.config import UNITS, UNSET, Clock, Duration, View
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.ranges import Count, NotNegative, NotNegativeInt, Positive, Range
from effjax.tasks.classification import Classification

Inside = Annotated[float, Range(0, 1, "()")]  # a share that is neither nothing nor all


@dataclasses.dataclass(frozen=True)
class SearchConfig(Classification.Config):
    """Keys of `config.task` beside those of classification."""

    # -- which windows are searched, and what they start from
    where: str = ""  # regex over paths such as "stages_0.blocks_1.token_mixer.dwconv"; "": all
    max_size: int = 11  # the largest window, odd
    separable: bool = False  # a height and a width for each square convolution
    sizes: Literal["gru", "free"] = "gru"  # the size predictor, or each size a parameter
    kernels: Literal["superkernel", "implicit"] = "superkernel"  # learned at max_size, or predicted
    mask: Literal["ramp", "smoothstep", "sigmoid", "straight_through"] = "ramp"
    start: Inside = 0.975  # where between 1 and max_size the sizes begin, as a share

    # -- when
    hold: Duration = UNSET  # sizes stay frozen until then (default: a fifth of the run)
    # when the budget holds in full; until then it tightens ("projected") or its weight grows
    # (default: four fifths of the run)
    warmup: Duration = UNSET
    # end the search when rounded sizes have not changed for so long (default: never)
    settled: Duration = UNSET

    # -- under which budget
    # "projected": sizes cost the budget by construction; the others are terms of the loss
    form: Literal["projected", "two_sided", "hinge"] = "projected"
    weight: NotNegative = 0.1  # of the budget beside the task's loss; not for "projected"
    cost: Literal["params", "macs", "latency"] = "macs"
    scope: Literal["operators", "network"] = "operators"  # the searched operators, or all
    latency_table: str | None = None  # of effjax profile --latency-table, for cost = "latency"
    # the budget is what these sizes would cost everywhere; several: one search read off at each
    budget_sizes: tuple[Count, ...] = (7,)
    # instead of budget_sizes: an amount in the unit of `cost`, or a share of what the sizes of
    # config.model cost, such as "0.5x"
    budget: float | str | None = None

    # -- from soft to odd sizes
    rule: Literal["energy", "nearest", "outer"] = "energy"
    discarded: Inside = 0.01  # what the energy rule may leave out of a kernel's ||m w||^2
    repair: bool = True  # bring the odd sizes to the budget
    recalibrate: NotNegativeInt = 16  # batches for the batch statistics of a found network

    # -- effjax search --compare: each arm is trained from scratch with the sizes that it has found
    compare_arms: tuple[str, ...] = ("found", "uniform", "trim", "random", "free")
    compare_seeds: Count = 5
    compare_random: Count = 3  # random allocations; each seed trains all of them
    compare_epochs: Positive | None = None  # of a training; None: as long as the search

    def __post_init__(self) -> None:
        is_odd = [size % 2 == 1 for size in self.budget_sizes]
        if not is_odd or not all(is_odd):
            raise UserError(
                f"config.task.budget_sizes = {self.budget_sizes}; give odd sizes, as (7,)"
            )
        if len(self.budget_sizes) > 1 and self.sizes == "free":
            raise UserError("free sizes know no budget: give one size in config.task.budget_sizes")
        if self.budget is not None:
            Budget(self.cost, self.budget)  # refuses what is no amount
        has_table = self.latency_table is not None
        if has_table != (self.cost == "latency"):
            raise UserError(
                "config.task.cost = 'latency' and config.task.latency_table belong together\n"
                "effjax profile --config=F --latency-table=OUT.json writes such a table"
            )

    def steps(
        self,
        name: str,
        config: View,
        examples: int,
    ) -> int | None:
        """The steps of a duration in a run of `config` over so many examples an epoch."""
        clock = Clock(config.data.batch_size, examples)
        total = clock.steps(config, "total")
        defaults = {"hold": total // 5, "warmup": 4 * total // 5, "settled": None}
        given = {f"{name}_{unit}": None for unit in UNITS}
        for key in given:
            if key in config.task:  # only what the config sets is there
                given[key] = config.task[key]
        clock = dataclasses.replace(clock, total_steps=total)
        return clock.steps(given, name, defaults[name])
