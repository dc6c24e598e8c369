"""A search in one call: it trains, then says what it has found."""

import json
from pathlib import Path
from typing import Any

import ml_collections

from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.search.kernel_sizes.found import PICTURE, SEARCH
from effjax.search.kernel_sizes.task import KernelSearch
from effjax.tasks.registry import find_task
from effjax.tasks.run import train


def check_is_search(config: ml_collections.ConfigDict) -> None:
    """Refuses a config whose task learns no sizes.

    Raises:
      UserError: saying which configs do.
    """
    if not issubclass(find_task(config.task.name), KernelSearch):
        raise UserError(
            f"task {config.task.name!r} learns no sizes; give the config of a search, such as\n"
            "--config=configs/search/kernel_size_digits.py"
        )


def search(
    config: ml_collections.ConfigDict, workdir: Path, extend: bool, display: Display
) -> list[dict[str, Any]]:
    """Searches, or continues the search in `workdir`, and shows what was found.

    Returns:
      What is in search.json: for each budget the sizes, their cost and the held-out accuracy.

    Raises:
      UserError: the config is no search, or cannot be run.
    """
    check_is_search(config)
    train(config, workdir, extend=extend, display=display)
    records = json.loads((workdir / SEARCH).read_text())
    budgets = [f"for {record['budget']:,.6g}" for record in records]
    rows = [
        (name, f"{soft:.1f}", *(str(record["sizes"][name]) for record in records))
        for name, soft in records[0]["soft"].items()
    ]
    costs = (f"{record['cost']:,.6g}" for record in records)
    rows.append((records[0]["unit"], "", *costs))
    if records[0]["held_out"]:
        tops = (f"{record['held_out']['top1']:.4f}" for record in records)
        rows.append(("top-1 before training", "", *tops))
    display.table("found", rows, ("window", "soft", *budgets), right=range(1, 2 + len(records)))
    display.line(f"architecture: {workdir / FOUND_ARCHITECTURE}, picture: {workdir / PICTURE}")
    display.line(
        f"train it: effjax train --config=F --config.model.name={config.model.name} "
        f"--config.model.arch={workdir / FOUND_ARCHITECTURE}"
    )
    return records
