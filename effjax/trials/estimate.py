"""What runs will cost, before any of them is trained: steps are counted, and one of them is timed.

A step of another variant is taken to need time in proportion to its multiply-adds and images.
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import jax

from effjax.errors import UserError
from effjax.report import Display, format_seconds
from effjax.runs.folder import CHECKPOINTS
from effjax.tasks.run import build
from effjax.training.programs import compile_step
from effjax.training.setup import Setup
from effjax.trials.trial import RunTrial

WARM_UP = 2  # steps that load libraries and fill the caches
TIMED = 5  # steps at most,
PROBE_SECONDS = 10.0  # and seconds, after which no other begins
LEFT_OUT = "evaluations, saving and waiting for data are not counted"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is ahead.

    Attributes:
      runs: how many.
      steps: of all of them together.
      step_seconds, compile_seconds: of the probe.
      seconds: of all runs, one after another.
      batch_size: of the probe.
    """

    runs: int
    steps: int
    step_seconds: float
    compile_seconds: float
    seconds: float
    batch_size: int


def estimate(trials: Sequence[RunTrial], display: Display) -> Estimate:
    """Counts the steps of trials and times a few of the first one's; nothing is written.

    Args:
      trials: those that are still to be trained, at least one.

    Raises:
      UserError: not a single variant can be built; one that cannot is a warning.
    """
    setups = _build_variants(trials, display)
    first = next(iter(setups.values()))
    runs = 0
    steps = 0
    work = 0.0  # in steps of the first variant
    for trial in trials:
        if trial.variant not in setups:
            continue
        setup = setups[trial.variant]
        left = max(0, setup.clock.total_steps - _steps_saved(trial))
        runs += 1
        steps += left
        work += left * _relative_work(setup, first)
    display.waiting("timing a few steps")
    compile_seconds, step_seconds = time_step(first)
    return Estimate(
        runs=runs,
        steps=steps,
        step_seconds=step_seconds,
        compile_seconds=compile_seconds,
        # seeds of a variant share its program
        seconds=work * step_seconds + len(setups) * compile_seconds,
        batch_size=first.clock.batch_size,
    )


def _build_variants(trials: Sequence[RunTrial], display: Display) -> dict[str, Setup]:
    """{variant: its parts}, of those that can be built."""
    setups: dict[str, Setup] = {}
    problems: dict[str, UserError] = {}
    for trial in trials:
        name = trial.variant
        if name in setups or name in problems:
            continue
        display.waiting(f"reading {name}")
        try:
            setups[name] = build(trial.config)
        except UserError as error:
            problems[name] = error
            display.warn(f"{name} cannot be trained: {error}")
    if not setups:
        raise next(iter(problems.values()))
    return setups


def _steps_saved(trial: RunTrial) -> int:
    """The step from which an interrupted run would continue."""
    saved = [int(path.name) for path in _folders(trial) if path.name.isdecimal()]
    return max(saved, default=0)


def _folders(trial: RunTrial) -> list[Path]:
    folder = trial.workdir / CHECKPOINTS
    return list(folder.iterdir()) if folder.is_dir() else []


def _relative_work(setup: Setup, other: Setup) -> float:
    """How many times the work of a step of `other` a step takes."""
    return _work_of_step(setup) / _work_of_step(other)


def _work_of_step(setup: Setup) -> float:
    """Multiply-adds of the images of a step; of a task that does not count them, the images."""
    facts = setup.task.facts(setup.abstract.params, setup.source.spec)
    return setup.clock.batch_size * facts.get("macs", 1.0)


def time_step(setup: Setup) -> tuple[float, float]:
    """(seconds to compile the training step, seconds of one step)."""
    state = setup.runner.place(setup.fresh())
    with setup.source.batches(0) as batches:
        batch = setup.runner.send(next(batches))
    since = time.perf_counter()
    step = compile_step(setup, setup.task.variant(0), state)
    compile_seconds = time.perf_counter() - since
    for _ in range(WARM_UP):
        state, metrics = step(state, batch)
        jax.block_until_ready(metrics)
    taken = []
    began = time.perf_counter()
    while len(taken) < TIMED and time.perf_counter() - began < PROBE_SECONDS:
        since = time.perf_counter()
        state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        taken.append(time.perf_counter() - since)
    # the fastest: what else the machine does is no part of the run
    return compile_seconds, min(taken)


def show_estimate(
    found: Estimate, display: Display, at_once: int = 1, price: float | None = None
) -> None:
    """Says it in a table.

    Args:
      at_once: how many runs train beside one another, each as fast as one alone.
      price: of an hour of one run's machine, in whatever currency.
    """
    device = jax.devices()[0]
    here = f"{jax.device_count()} {device.platform} device(s)"
    probe = f"a step of {found.batch_size} images takes {_in_words(found.step_seconds)}"
    rows = [
        ("to train", f"{found.runs} run(s), {found.steps:,} steps in all"),
        ("probe", f"{probe}, compiling {format_seconds(found.compile_seconds)}, on {here}"),
        ("time", f"about {format_seconds(found.seconds)}, one run after another"),
    ]
    if at_once > 1:
        seconds = format_seconds(found.seconds / at_once)
        rows.append(("", f"about {seconds} if {at_once} at a time are as fast as one alone"))
    if price is not None:
        cost = found.seconds / 3600 * price
        rows.append(("cost", f"about {cost:,.2f}, at {price:g} an hour"))
    rows.append(("", LEFT_OUT))
    display.table("estimate; nothing was trained", rows)


def _in_words(seconds: float) -> str:
    """0.0123 -> "12.3 ms"."""
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    return f"{seconds:.3g} s"
