"""Evaluators of classification, by name. One class adds one: the decorator registers it.

    @register_evaluator("worst_class", "accuracy of the class that is hardest")
    class WorstClass:
        def __init__(self, predict, config, section): ...

See `effjax.contract.Evaluator` for what it has to offer. `predict` gives the network's outputs,
`(variables, batch) -> logits [B, K]`; `config` is the run's; `section` is its own entry of
`config.evals`, whose further keys are the evaluator's.
"""

from effjax.registry import Registry

EVALUATORS: Registry[type] = Registry(
    "evaluator", "--config.evals.val.evaluator=package.module:Class", expected="class"
)
register_evaluator = EVALUATORS.register
list_evaluators = EVALUATORS.lines
find_evaluator = EVALUATORS.find
