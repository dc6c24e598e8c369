"""What a config file with `search()` returns."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from effjax.costs import Budget
from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, fit
from effjax.search.space import ArchSpace


@dataclasses.dataclass(frozen=True)
class Search:
    """A search, beside the config of the trainings that it makes.

    Attributes:
      space: what is searched.
      strategy: a name, see `effjax.search.registry.list_strategies`.
      budget: what a network may cost: one, or several at once; None: any.
      evaluations: how many networks are evaluated.
      share: of a whole training that an evaluation takes; what is found is trained as a whole.
      metric: that trainings are compared by.
      proxy: a zero-cost score, in the place of trainings; None: networks are trained.
      table: a tabular benchmark, in the place of trainings.
      latency_table: of measured parts; None: WORKDIR/latency.json.
      options: of the strategy.
      compare_with: strategies that `--compare` adds to the random and the cost baselines.
      compare_options: {strategy: its options} of arms other than `strategy`.
      compare_seeds: searches and trainings of each arm.
    """

    space: ArchSpace
    strategy: str = "evolution"
    budget: Budget | Sequence[Budget] | None = None
    evaluations: int = 20
    share: float = 1.0
    metric: str = "val/top1"
    proxy: str | None = None
    table: str | None = None
    latency_table: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    compare_with: Sequence[str] = ()
    compare_options: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    compare_seeds: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"share = {self.share!r} of a training; expected more than 0, up to 1")
        if self.proxy is not None and self.table is not None:
            raise UserError("both proxy and table say what the values are; give one of them")

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """All budgets."""
        if self.budget is None:
            return ()
        return (self.budget,) if isinstance(self.budget, Budget) else tuple(self.budget)


def read_budget(text: str) -> Budget:
    """The budget that "macs:0.5x" names.

    Raises:
      UserError: it is none.
    """
    unit, colon, amount = text.partition(":")
    if not colon:
        raise UserError(
            f"--budget={text!r}: expected UNIT:AMOUNT, such as macs:0.5x or latency:3 ms"
        )
    return Budget(unit, amount)


def bind_options(
    name: str,
    strategy: Callable[..., Any],
    options: Mapping[str, Any],
) -> Callable[[Any], Any]:
    """A strategy with its options set.

    Raises:
      UserError: one that it has not, or of another type.
    """
    known = {}
    for key, parameter in inspect.signature(strategy).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            known[key] = parameter
    hints = typing.get_type_hints(strategy, include_extras=True)
    fitted = {}
    for key, value in options.items():
        if key not in known:
            hint = nearest(key, known) if known else "it has none"
            raise UserError(f"strategy {name!r} has no option {key!r}; {hint}")
        try:
            fitted[key] = fit(value, hints.get(key, Any))
        except Misfit as expected:
            raise UserError(f"strategy {name!r}: {key} = {value!r}; expected {expected}") from None
    return functools.partial(strategy, **fitted)
