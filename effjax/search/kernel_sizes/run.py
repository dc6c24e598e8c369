"""A search in one call: it trains, then shows what it has found."""

import json
from pathlib import Path
from typing import Any

import ml_collections

from effjax.costs import fingerprint
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.runs.record import read_record
from effjax.search.kernel_sizes.export import PICTURE, SEARCH
from effjax.search.kernel_sizes.task import KernelSearch
from effjax.tasks.registry import find_task
from effjax.tasks.run import train


def is_search(config: ml_collections.ConfigDict) -> bool:
    """Whether a config's task learns kernel sizes."""
    return issubclass(find_task(config.task.name), KernelSearch)


def check_is_search(config: ml_collections.ConfigDict) -> None:
    """Refuses a config whose task learns no sizes.

    Raises:
      UserError: saying which configs do.
    """
    if not is_search(config):
        raise UserError(
            f"task {config.task.name!r} learns no sizes; give the config of a search, such as\n"
            "--config=configs/search/kernel_size_digits.py"
        )


def check_same_table(
    config: ml_collections.ConfigDict,
    workdir: Path,
) -> None:
    """Refuses to continue a search whose latency table has been measured anew.

    The file has its old name then, so that the config alone does not tell.

    Raises:
      UserError: what the search began with was another table.
    """
    # searches of earlier versions have not noted their table
    stored = read_record(workdir).get("latency_table")
    path = config.task.get("latency_table")
    if stored is None or path is None or stored == fingerprint(Path(path)):
        return
    raise UserError(
        f"{workdir} was searched with another latency table than {path} holds now\n"
        "give it the table that it began with, or another --workdir"
    )


def search(
    config: ml_collections.ConfigDict,
    workdir: Path,
    extend: bool,
    display: Display,
) -> list[dict[str, Any]]:
    """Searches, or continues the search in `workdir`, and shows what was found.

    Returns:
      What is in search.json: for each budget the sizes, their cost and the held-out accuracy.

    Raises:
      UserError: the config is no search, or cannot be run.
    """
    check_is_search(config)
    check_same_table(config, workdir)
    train(config, workdir, extend=extend, display=display)
    records = json.loads((workdir / SEARCH).read_text())
    show(records, display)
    display.line(f"architecture: {workdir / FOUND_ARCHITECTURE}, picture: {workdir / PICTURE}")
    display.line(
        f"train it: effjax train --config=F --config.model.name={config.model.name} "
        f"--config.model.arch={workdir / FOUND_ARCHITECTURE}"
    )
    return records


def show(
    records: list[dict[str, Any]],
    display: Display,
) -> None:
    """Shows what is in search.json: a row a size, a column a budget."""
    first = records[0]
    rows = []
    for name, soft in first["soft"].items():
        sizes = [str(record["sizes"][name]) for record in records]
        rows.append((name, f"{soft:.1f}", *sizes))
    costs = [f"{record['cost']:,.6g}" for record in records]
    rows.append((first["unit"], "", *costs))
    if first["held_out"]:
        top1 = [f"{record['held_out']['top1']:.4f}" for record in records]
        rows.append(("top-1 before training", "", *top1))
    budgets = [f"for {record['budget']:,.6g}" for record in records]
    display.table("found", rows, ("window", "soft", *budgets), right=range(1, 2 + len(records)))
    for record, budget in zip(records, budgets):
        prefix = f"{budget}: " if len(records) > 1 else ""
        for sentence in remarks(record):
            display.line(f"{prefix}{sentence}")


def remarks(record: dict[str, Any]) -> list[str]:
    """Sentences about an entry of search.json: is it a baseline, had the task a preference."""
    sentences = []
    # searches of earlier versions have neither
    if record.get("baseline"):
        sentences.append(
            f"these sizes are a baseline: {record['baseline']}; one gets them without a search"
        )
    if "preference" in record:
        sentences.append(record["preference"]["sentence"])
    return sentences
