"""The keys of `config.task` for a generator and its critic."""

import dataclasses
from typing import Annotated, Literal

from effjax.contract import Task
from effjax.errors import UserError
from effjax.models.architecture import Rate, Width
from effjax.ranges import NotNegative, Positive, Range

FewTimes = Annotated[int, Range(1, 16)]  # the program has each update written out


@dataclasses.dataclass(frozen=True)
class AdversarialConfig(Task.Config):
    """Keys of `config.task`."""

    game: Literal["non_saturating", "hinge", "least_squares", "wasserstein"] = "non_saturating"
    critic: str = "conv_critic_tiny"  # a registered model of the kind "critic"
    critic_widths: tuple[Width, ...] | None = None  # None: as registered
    critic_dropout: Rate = 0.0
    # weight of (|slope| - 1)^2 between real and fake images; 10 in WGAN-GP
    gradient_penalty: NotNegative = 0.0
    r1: NotNegative = 0.0  # weight of half the squared slope at real images, Mescheder et al. 2018
    # weight of what two passes with dropout may differ by, and how much they may
    consistency: NotNegative = 0.0
    consistency_margin: NotNegative = 0.0
    # updates of the critic in a step, each on its part of the batch; then of the generator
    critic_steps: FewTimes = 1
    generator_steps: FewTimes = 1
    # PPOGAN: the generator's ratio of densities counts up to 1 + this; None: no ratio
    ratio_clip: Positive | None = None
    weighted_critic: bool = False  # PPOGAN: good fakes weigh more in the critic's loss

    @property
    def groups(self) -> tuple[str, ...]:
        """The entries of `config.optim` that are needed."""
        if self.ratio_clip is None:
            return ("generator", "critic")
        return ("generator", "critic", "classifier")


def check_options(options: AdversarialConfig) -> None:
    """Refuses keys that contradict each other.

    Raises:
      UserError: naming both.
    """
    if options.consistency and not options.critic_dropout:
        raise UserError(
            "config.task.consistency compares two passes with dropout; set critic_dropout too"
        )
    if options.consistency_margin and not options.consistency:
        raise UserError("config.task.consistency_margin is of consistency; set that too")
    for name in ("ratio_clip", "weighted_critic"):
        if getattr(options, name) and options.game != "wasserstein":
            raise UserError(
                f"config.task.{name} weighs scores, as game 'wasserstein' has them; game "
                f"{options.game!r} has losses\nset config.task.game=wasserstein"
            )
