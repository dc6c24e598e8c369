"""Evaluates a state: the weights that the optimizer names, and their moving average beside them."""

import math
from collections.abc import Callable, Iterator, Mapping
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
    return measure(versions, evaluators, runner, rng, asked)


def measure(
    versions: Mapping[str, Variables],
    evaluators: Mapping[str, Evaluator],
    runner: Runner,
    rng: jax.Array,
    asked: Callable[[], Any] = lambda: None,
) -> dict[str, float]:
    """{"<evaluator><suffix>/<metric>": value} of several versions of the weights.

    Args:
      versions: {suffix: variables}, whole.
      rng, asked: see `evaluate`.

    Raises:
      Stopped: there was a reason.
    """
    row: dict[str, float] = {}
    # the same key for all versions: they differ by their weights, not by their draws
    for name, evaluator in evaluators.items():
        for suffix, variables in _wanted(versions, evaluator).items():
            batches = _sent(evaluator, runner, asked)
            for metric, value in evaluator(variables, rng, batches):
                row[f"{name}{suffix}/{metric}"] = float(value)
    return row


def _wanted(versions: Mapping[str, Variables], evaluator: Evaluator) -> Mapping[str, Variables]:
    """All versions; of an evaluator that wants one, the average where there is one."""
    if not getattr(evaluator, "of_one_version", False):
        return versions
    return {"": versions.get("_ema", versions[""])}


def _versions(state: TrainState, groups: Groups, runner: Runner) -> dict[str, Variables]:
    """{suffix of the evaluation's name: variables}."""
    # an optimizer may train one set of weights and mean another (slow weights, an average)
    weights = groups.eval_params(state.params, state.opt_state)
    weights = runner.whole(weights)
    versions = {"": join_variables(weights, state.model_state)}
    if state.ema is not None:
        average = runner.whole(state.ema)
        versions["_ema"] = join_variables(average["params"], average["model_state"])
    return versions


def _sent(evaluator: Evaluator, runner: Runner, asked: Callable[[], Any]) -> Iterator[Batch]:
    """The batches of an evaluator on the devices, until there is a reason to stop."""
    if evaluator.source is None:
        return
    for batch in evaluator.source.batches():
        # a long evaluation must not outlast the notice of a machine that is taken away
        if reason := asked():
            raise Stopped(reason)
        yield runner.send_whole(batch)


def not_finite(row: Mapping[str, float]) -> str | None:
    """A warning that names the metrics of a row that are not finite; None if all are."""
    names = [name for name, value in row.items() if not math.isfinite(value)]
    if not names:
        return None
    return f"{', '.join(names)} not finite: the network gives NaN or infinite outputs"
