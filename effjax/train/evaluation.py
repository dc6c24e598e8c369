"""Evaluates a state: the weights that the optimizer says, and their moving average beside them."""

from collections.abc import Mapping

import jax

from effjax.train.parallel import Mesh
from effjax.train.state import TrainState
from effjax.train.step import Groups
from effjax.train.task import Evaluator


def evaluate(
    state: TrainState,
    evaluators: Mapping[str, Evaluator],
    groups: Groups,
    runner: Mesh,
    rng: jax.Array,
) -> dict[str, float]:
    """{"<evaluator>/<metric>": value}, and "<evaluator>_ema/<metric>" where there is an average.

    Args:
      state: as the runner holds it.
      rng: for evaluators that draw; each gets the same key.
    """
    state = runner.gather(state)
    weights = groups.eval_params(state.params, state.opt_state)
    versions = {"": {"params": weights, "model_state": state.model_state}}
    if state.ema is not None:
        versions["_ema"] = state.ema
    row: dict[str, float] = {}
    for name, evaluator in evaluators.items():
        for suffix, version in versions.items():
            batches = evaluator.source.batches() if evaluator.source is not None else iter(())
            sent = (runner.send_whole(batch) for batch in batches)
            for metric, value in evaluator(state.replace(**version), rng, sent):
                row[f"{name}{suffix}/{metric}"] = float(value)
    return row
