"""The learning-rate range test: one short run whose rate rises until the loss explodes.

Smith 2017, arXiv:1506.01186, with a rate that rises by the same factor at each update and the
choice of Gugger's "How do you find a good learning rate" (2018): where the loss falls fastest.

Shapes: n updates.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from effjax.errors import UserError
from effjax.report import Display
from effjax.training.programs import compile_step
from effjax.training.setup import Setup

LOWEST, HIGHEST = 1e-7, 10.0
SMOOTHING = 0.8  # of the losses, one update to the next
EXPLODED = 4.0  # times the least smoothed loss
LEAST_UPDATES = 10
WINDOW = 5  # updates over which a slope is taken


@dataclasses.dataclass(frozen=True)
class RateTest:
    """What a range test has shown.

    Attributes:
      rates: float [n], rising.
      losses: of the updates with these rates, float [n].
      smoothed: float [n].
      suggested: the rate at which the smoothed loss falls fastest.
      least: the rate at which the smoothed loss is least; more is too much.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggested: float
    least: float


def find_rate(setup: Setup, display: Display, updates: int = 100) -> RateTest:
    """Trains from the run's first state with a rising rate; nothing is written.

    The groups of `config.optim` keep the ratios of their rates; what is found is the rate of the
    first group.

    Args:
      setup: of a run. Its schedule is replaced: build another one to train.
      display: shows progress.
      updates: n, until the rate is at its highest.

    Raises:
      UserError: too few updates, or a loss that is not finite from the start.
    """
    if updates < 2 * LEAST_UPDATES:
        raise UserError(
            f"--find-lr={updates}: too few updates to find a rate in; "
            f"give {2 * LEAST_UPDATES} or more"
        )
    rising = np.geomspace(LOWEST, HIGHEST, updates)
    _replace_rates(setup, rising)
    state = setup.runner.place(setup.fresh())
    display.waiting("compiling the training step")
    step = compile_step(setup, setup.task.variant(0), state)
    display.start(updates, images=setup.clock.batch_size)
    losses: list[float] = []
    with contextlib.ExitStack() as closing:
        batches = setup.source.batches()
        # a plain iterator, as a task may give, has nothing to close
        closing.callback(getattr(batches, "close", lambda: None))
        for update in range(updates):
            state, metrics = step(state, setup.runner.send(next(batches)))
            loss = float(setup.runner.fetch(metrics)["train/loss"])
            losses.append(loss)
            display.update(update + 1, {"train/loss": loss, "optim/lr": float(rising[update])})
            if has_exploded(losses):
                break
    return judge(rising[: len(losses)], np.array(losses))


def _replace_rates(setup: Setup, rising: np.ndarray) -> None:
    """Puts a rising rate in the place of each group's, before the step is traced."""
    groups = setup.groups
    sections = {name: setup.config.optim[groups.section(name)] for name in groups.rates}
    peaks = {name: section.learning_rate for name, section in sections.items()}
    first = next(iter(peaks.values()))
    if not first:
        raise UserError("the first group of config.optim has learning_rate = 0; give its ratio")
    table = jnp.asarray(rising, jnp.float32)
    for name, peak in peaks.items():
        setup.groups.rates[name] = _looked_up(table * (peak / first))


def _looked_up(table: Any) -> Callable[[Any], Any]:
    return lambda step: table[jnp.minimum(step, len(table) - 1)]


def smooth(losses: np.ndarray) -> np.ndarray:
    """Moving average of losses [n], without the pull of its start towards zero."""
    smoothed = np.zeros(len(losses))
    average = 0.0
    for update, loss in enumerate(losses):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed[update] = average / (1 - SMOOTHING ** (update + 1))
    return smoothed


def has_exploded(losses: list[float]) -> bool:
    """Whether the loss is not finite, or far above its least value."""
    if not math.isfinite(losses[-1]):
        return True
    smoothed = smooth(np.array(losses))
    return len(losses) > LEAST_UPDATES and smoothed[-1] > EXPLODED * smoothed.min()


def judge(rates: np.ndarray, losses: np.ndarray) -> RateTest:
    """Reads a range test.

    Args:
      rates: float [n], rising by one factor.
      losses: float [n]; those that are not finite end it.

    Raises:
      UserError: the loss never fell.
    """
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(np.argmin(finite))
    rates, losses = rates[:count], losses[:count]
    if count <= LEAST_UPDATES:
        raise UserError(
            f"the loss is not finite after {count} updates with a rate of {LOWEST:g}\n"
            "look at the images: effjax show --config=F --batch"
        )
    smoothed = smooth(losses)
    # the first values of an average are those of single batches, whose noise is no slope
    least = LEAST_UPDATES + int(np.argmin(smoothed[LEAST_UPDATES:]))
    slopes = np.convolve(np.gradient(smoothed), np.full(WINDOW, 1 / WINDOW), mode="same")
    slopes = slopes[LEAST_UPDATES : least + 1]
    fastest = LEAST_UPDATES + int(np.argmin(slopes))
    if slopes.min() >= 0:
        raise UserError("the loss does not fall at any learning rate; see: effjax show --batch")
    return RateTest(rates, losses, smoothed, float(rates[fastest]), float(rates[least]))
