"""The search of a config file, with what the command line says."""

import ast
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

from effjax.config import call_config
from effjax.errors import UserError
from effjax.search.options import Search, bind_options, read_budget
from effjax.search.registry import find_strategy


def read_search(
    spec: str,
    strategy: str | None = None,
    options: Sequence[str] = (),
    budget: str | None = None,
    evaluations: int | None = None,
    table: str | None = None,
    latency_table: str | None = None,
) -> Search:
    """What `search()` of a config file returns, with what is given in its place.

    Args:
      spec: `path.py[:arg]`; the arg goes to `search` too.
      strategy, budget, evaluations, table, latency_table: None: what the file says.
      options: "option=value", of the strategy.

    Raises:
      UserError: no such function, it returns something else, or a flag has no such value.
    """
    wanted = call_config(spec, "search")
    path = spec.partition(":")[0]
    if not isinstance(wanted, Search):
        kind = type(wanted).__name__
        raise UserError(f"{path}: search() returned a {kind}; return a Search(...)")
    changed: dict[str, Any] = {}
    if strategy is not None and strategy != wanted.strategy:
        # the options of one strategy are none of another's
        changed.update(strategy=strategy, options={})
    if budget is not None:
        changed["budget"] = read_budget(budget)
    if evaluations is not None:
        if evaluations < 1:
            raise UserError(f"--evaluations={evaluations}; a search makes one or more")
        changed["evaluations"] = evaluations
    if table is not None:
        changed.update(table=table, proxy=None)
    if latency_table is not None:
        changed["latency_table"] = latency_table
    wanted = dataclasses.replace(wanted, **changed)
    given = dict(_read_option(text) for text in options)
    wanted = dataclasses.replace(wanted, options={**wanted.options, **given})
    # both are known, or refused in a sentence, before any data is opened
    for name, own in [(wanted.strategy, wanted.options), *wanted.compare_options.items()]:
        bind_options(name, find_strategy(name), own)
    return wanted


def _read_option(text: str) -> tuple[str, Any]:
    """("population", 20) of "population=20"; text that is no literal stays text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set={text}: expected OPTION=VALUE, such as population=20")
    read: Any = value
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        read = ast.literal_eval(value)
    return name, read
