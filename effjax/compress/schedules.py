"""Densities of the rounds in which a network is pruned.

Shapes: t is the share of the rounds that are done, from 0 (dense) to 1.
"""

from effjax.registry import Registry

SCHEDULES: Registry = Registry(
    "pruning schedule", "--config.task.rounds_schedule=package.module:function"
)


@SCHEDULES.register("exponential", "each round keeps the same share: density^t (SynFlow's)")
def exponential(density: float, t: float) -> float:
    """density^t."""
    return density**t


@SCHEDULES.register("linear", "each round prunes the same number of weights")
def linear(density: float, t: float) -> float:
    """1 - (1 - density) t."""
    return 1.0 - (1.0 - density) * t


@SCHEDULES.register("cubic", "quickly at first, ever more slowly towards the end")
def cubic(density: float, t: float) -> float:
    """1 - (1 - density) (1 - (1 - t)^3), Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878."""
    return 1.0 - (1.0 - density) * (1.0 - (1.0 - t) ** 3)


def round_densities(name: str, density: float, rounds: int) -> list[float]:
    """The density after each of `rounds` rounds; the last one is `density`."""
    schedule = SCHEDULES.find(name)
    return [schedule(density, done / rounds) for done in range(1, rounds + 1)]
