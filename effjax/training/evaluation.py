"""Evaluates a state: the weights that the optimizer names, and their moving average beside them."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax

from effjax.contract import Batch, Evaluator, TrainState, Variables, join_variables
from effjax.devices.runner import Runner
from effjax.training.groups import Groups


class Stopped(Exception):
    """An evaluation was broken off because the run is asked to stop; carries the reason."""


def evaluate(
    state: Any,
    evaluators: Mapping[str, Evaluator],
    groups: Groups,
    runner: Runner,
    rng: jax.Array,
    asked: Callable[[], Any] = lambda: None,
) -> dict[str, float]:
    """{"<evaluator>/<metric>": value}, and "<evaluator>_ema/<metric>" where there is an average.

    Args:
      state: as the runner holds it.
      rng: for evaluators that draw; each gets the same key.
      asked: called before each batch: the reason to stop, or None.

    Raises:
      Stopped: there was a reason.
    """
    versions = _versions(runner.gather(state), groups, runner)
    row: dict[str, float] = {}
    for name, evaluator in evaluators.items():
        for suffix, variables in versions.items():
            batches = evaluator.source.batches() if evaluator.source is not None else iter(())
            sent = _sent(batches, runner, asked)
            for metric, value in evaluator(variables, rng, sent):
                row[f"{name}{suffix}/{metric}"] = float(value)
    return row


def _versions(state: TrainState, groups: Groups, runner: Runner) -> dict[str, Variables]:
    """{suffix of the evaluation's name: variables}."""
    weights = groups.eval_params(state.params, state.opt_state)
    versions = {"": join_variables(runner.whole(weights), state.model_state)}
    if state.ema is not None:
        versions["_ema"] = join_variables(**runner.whole(state.ema))
    return versions


def _sent(batches: Iterable[Batch], runner: Runner, asked: Callable[[], Any]) -> Iterator[Batch]:
    for batch in batches:
        if reason := asked():
            raise Stopped(reason)
        yield runner.send_whole(batch)


def not_finite(row: Mapping[str, float]) -> str | None:
    """A warning that names the metrics of a row that are not finite; None if all are."""
    names = [name for name, value in row.items() if not math.isfinite(value)]
    if not names:
        return None
    return f"{', '.join(names)} not finite: the network gives NaN or infinite outputs"
