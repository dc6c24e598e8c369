"""Evaluates a state: the weights that the optimizer says, and their moving average beside them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from effjax.contract import Batch, Evaluator, TrainState, join_variables
from effjax.devices.runner import Runner
from effjax.training.groups import Groups


class Stopped(Exception):
    """An evaluation was broken off, because the run is asked to stop; says by what."""


def evaluate(
    state: TrainState,
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
      asked: called before each batch: what asks for the end, or None.

    Raises:
      Stopped: it was.
    """
    state = runner.gather(state)
    weights = groups.eval_params(state.params, state.opt_state)
    versions = {"": {"params": runner.whole(weights), "model_state": state.model_state}}
    if state.ema is not None:
        versions["_ema"] = runner.whole(state.ema)

    def sent(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if reason := asked():
                raise Stopped(reason)
            yield runner.send_whole(batch)

    row: dict[str, float] = {}
    for name, evaluator in evaluators.items():
        for suffix, version in versions.items():
            batches = evaluator.source.batches() if evaluator.source is not None else iter(())
            for metric, value in evaluator(join_variables(**version), rng, sent(batches)):
                row[f"{name}{suffix}/{metric}"] = float(value)
    return row
