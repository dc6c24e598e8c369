"""What is searched in a folder: a search goes on only as the same search."""

import json
from pathlib import Path
from typing import Any, TypedDict

from effjax.config import read_json
from effjax.errors import UserError
from effjax.search.options import Search
from effjax.trials.json_files import write_text

RECORD = "searched.json"
# a search may go on with more of these
GROWING = ("evaluations",)


class Record(TypedDict):
    """What searched.json holds: what a search must have in common with the one that it goes on."""

    strategy: str


def check_same_search(
    wanted: Search,
    seed: int,
    workdir: Path,
) -> None:
    """Notes what is searched; refuses a folder in which something else was searched.

    Raises:
      UserError: naming what differs.
    """
    record = json.loads(json.dumps(_record(wanted, seed)))
    path = workdir / RECORD
    if path.exists():
        stored = dict(read_json(path, Record, "give another --workdir"))
        differing = []
        for key, value in record.items():
            if key not in GROWING and stored.get(key) != value:
                differing.append(key)
        if differing:
            raise UserError(
                f"{workdir} holds a search with another {', '.join(differing)}\n"
                "give another --workdir, or the same search"
            )
    write_text(path, json.dumps(record, indent=1) + "\n")


def _record(
    wanted: Search,
    seed: int,
) -> dict[str, Any]:
    budgets = [[budget.unit, budget.amount] for budget in wanted.budgets]
    return {
        "strategy": wanted.strategy,
        "options": dict(wanted.options),
        "seed": seed,
        "budgets": budgets,
        "evaluations": wanted.evaluations,
        "share": wanted.share,
        "metric": wanted.metric,
        "proxy": wanted.proxy,
        "table": wanted.table,
        "space": wanted.space.spec(),
    }
