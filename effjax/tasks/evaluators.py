"""Evaluators of classification, by name. One class adds one: the decorator registers it.

    @register_evaluator("worst_class", "accuracy of the class that is hardest")
    class WorstClass:
        def __init__(self, predict, config, section): ...

See `effjax.contract.Evaluator` for what it has to offer. `predict` gives the network's outputs,
`(variables, batch) -> logits [B, K]`; `config` is the run's; `section` is its own entry of
`config.evals`, whose further keys are the evaluator's.
"""

from collections.abc import Callable
from typing import Any

from effjax import plugins
from effjax.errors import UserError, nearest

_evaluators: dict[str, type] = {}
_lines: dict[str, str] = {}


def register_evaluator(name: str, line: str) -> Callable[[type], type]:
    """Makes a class known as `config.evals.<name>.evaluator`.

    Args:
      name: what a config says.
      line: one line that describes it, for lists.
    """

    def register(evaluator: type) -> type:
        _evaluators[name] = evaluator
        _lines[name] = line
        plugins.note("evaluator", name, evaluator.__module__)
        return evaluator

    return register


def list_evaluators() -> dict[str, str]:
    """{name: one line} of all evaluators."""
    return dict(sorted(_lines.items()))


def find_evaluator(name: str) -> Callable[..., Any]:
    """The evaluator's class of a registered name or of "package.module:Class".

    Raises:
      UserError: unknown name, or nothing of that name in the module.
    """
    found = plugins.look_up("evaluator", name, _evaluators, expected="class")
    if found is None:
        raise UserError(
            f"unknown evaluator {name!r}; {nearest(name, _evaluators)}\n"
            "your own: --config.evals.val.evaluator=package.module:Class"
        )
    return found
