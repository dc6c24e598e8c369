"""What `config.task` says of a search by gradient: every key, its default, its meaning."""

import dataclasses
from typing import Annotated, Literal

from effjax.config import UNITS, UNSET, Clock, Duration, View
from effjax.errors import UserError
from effjax.models.families.darts import OPERATIONS
from effjax.ranges import BelowOne, Count, NotNegative, NotNegativeInt, Positive, Range
from effjax.search.cells.gates import Penalty
from effjax.tasks.classification import Classification

Inside = Annotated[float, Range(0, 1, "()")]  # a share that is neither nothing nor all


@dataclasses.dataclass(frozen=True)
class BilevelConfig(Classification.Config):
    """Keys of `config.task` beside those of classification, whatever is searched."""

    # -- when
    alpha_share: Inside = 0.5  # of the images: for alpha; the others are for weights
    hold: Duration = UNSET  # alpha stays as it is until then (default: it moves from the start)
    watch: Duration = UNSET  # how often the alphas are noted down (default: every epoch)

    # -- is it collapsing?
    curvature_batches: NotNegativeInt = 0  # held-out batches for the eigenvalue in alpha; 0: none
    # end the search: where the eigenvalue has risen (RobustDARTS), or at skips (DARTS+)
    stop: Literal["never", "eigenvalue", "skips"] = "never"
    stop_window: Count = 5  # entries that are averaged, and looked back on
    stop_ratio: Inside = 0.75  # of the eigenvalue, to what it was: less ends the search
    stop_skips: Count = 2  # of a normal cell, or blocks of a MetaFormer

    def steps(self, name: str, config: View, examples: int, default: int | None) -> int | None:
        """The steps of a duration in a run of `config` over so many examples an epoch."""
        clock = Clock(config.data.batch_size, examples)
        clock = dataclasses.replace(clock, total_steps=clock.steps(config, "total"))
        given = {f"{name}_{unit}": None for unit in UNITS}
        for key in given:
            if key in config.task:  # only what the config sets is there
                given[key] = config.task[key]
        return clock.steps(given, name, default)


def refuse_unused(config: View, options: BilevelConfig) -> None:
    """Raises UserError for a key of the loop or of classification that a search does without."""
    for key, value, unused in (
        ("accumulate", config.accumulate, 1),
        ("sam.rho", config.sam.rho, None),
    ):
        if value != unused:
            raise UserError(f"config.{key} = {value}: a search by gradient does without it")
    for key in ("frozen", "unfreeze_steps", "unfreeze_epochs", "class_weights"):
        if getattr(options, key) is not None:
            raise UserError(f"config.task.{key}: a search by gradient does without it")


@dataclasses.dataclass(frozen=True)
class CellConfig(BilevelConfig):
    """Keys of `config.task` of all searches of cells.

    `config.model` is the network that will have the cells that are found.
    """

    operations: tuple[str, ...] = OPERATIONS  # what an edge chooses from
    nodes: Annotated[int, Range(1, 8)] = 4  # of a cell
    search_width: Count = 16  # channels of a node in the first cells
    search_layers: Count = 8  # cells; those at a third and at two thirds reduce
    stem_multiplier: Count = 3  # channels of the stem, as a multiple of the width


@dataclasses.dataclass(frozen=True)
class SoftmaxConfig(BilevelConfig):
    """Keys of `config.task` for DARTS."""

    # "second": through a step of the weights; "first": as if they did not depend on alpha
    order: Literal["first", "second"] = "second"
    # of the second order: the derivative through the step, or two gradients as the authors have it
    derivative: Literal["exact", "finite_difference"] = "exact"


@dataclasses.dataclass(frozen=True)
class GateConfig(BilevelConfig):
    """Keys of `config.task` for PR-DARTS; the defaults are those of the authors' command line."""

    selected: Count = 2  # operations of an edge, or mixers of a block, that run in a step
    dropped: BelowOne = 0.4  # probability of a gate to stand behind all that are not dropped
    tau: tuple[Positive, Positive] = (1.0, 0.1)  # of the gates, first and last
    skip_penalty: NotNegative = 0.01  # l1
    other_penalty: NotNegative = 0.005  # l2, of convolutions and of pools
    chain_reward: NotNegative = 0.005  # l3
    margin: BelowOne = 0.2  # c: a group may be as open without a penalty

    def penalty(self) -> Penalty:
        """The factors of the regulariser."""
        return Penalty(self.skip_penalty, self.other_penalty, self.chain_reward, self.margin)


@dataclasses.dataclass(frozen=True)
class DartsConfig(SoftmaxConfig, CellConfig):
    """Keys of `config.task` for cells by DARTS."""


@dataclasses.dataclass(frozen=True)
class PrDartsConfig(GateConfig, CellConfig):
    """Keys of `config.task` for cells by PR-DARTS."""
