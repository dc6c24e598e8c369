"""Evaluators of classification, and of samples, by name.

One class adds one: the decorator registers it.

    @register_evaluator("worst_class", "accuracy of the class that is hardest")
    class WorstClass:
        def __init__(self, predict, config, section): ...

See `effjax.contract.Evaluator` for what it has to offer. `predict` gives the network's outputs,
`(variables, batch) -> logits [B, K]`; `config` is the run's; `section` is its own entry of
`config.evals`, whose further keys are the evaluator's.
"""

import importlib

from effjax.errors import UserError
from effjax.plugins import is_plugin
from effjax.registry import Registry

EVALUATORS: Registry[type] = Registry(
    "evaluator", "--config.evals.val.evaluator=package.module:Class", expected="class"
)
register_evaluator = EVALUATORS.register
list_evaluators = EVALUATORS.lines
find_evaluator = EVALUATORS.find

# Of tasks that make images, constructed with (task, config, section). What scores samples lies
# above this room: the top of the package names its modules, which are imported when asked for.
SAMPLE_EVALUATORS: Registry[type] = Registry(
    "evaluator of samples", "--config.evals.NAME.evaluator=package.module:Class", expected="class"
)
register_sample_evaluator = SAMPLE_EVALUATORS.register
_modules: list[str] = []


def look_in(module: str) -> None:
    """Names a module that registers evaluators of samples."""
    if module not in _modules:
        _modules.append(module)


def find_sample_evaluator(name: str, task: str, own: str) -> type:
    """The evaluator of a registered name, or of "package.module:Class".

    Args:
      name: what a config says.
      task: its name, for the message.
      own: what the task evaluates by itself, for the message.

    Raises:
      UserError: unknown name, or no class of that name in the module.
    """
    for module in _modules:
        importlib.import_module(module)
    if name not in SAMPLE_EVALUATORS.entries and not is_plugin(name):
        known = ", ".join(repr(one) for one in (own, *SAMPLE_EVALUATORS.lines()))
        raise UserError(f"task {task!r} has no evaluator {name!r}; known: {known}")
    return SAMPLE_EVALUATORS.find(name)
