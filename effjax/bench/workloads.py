"""A workload with its data, and what marks the rows that were made with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from effjax.bench.problems import Problem, make_problem
from effjax.bench.recipes import former_fingerprint, recipe_config, recipe_fingerprint
from effjax.bench.results import WORKLOADS, ResultsFolder
from effjax.bench.rows import Row
from effjax.bench.tuning import digest
from effjax.bench.update_cost import parameter_count
from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display
from effjax.trials.same_data import describe_training_data

# keys of the data that say where it is: what it is, its hash says better
WHEREABOUTS = ("name", "files", "train_split", "eval_split")


@dataclass(frozen=True)
class Workload:
    """A workload with its data.

    Attributes:
      identity: {"workload", "workload_hash", "problem_hash"}: part of every row. The first hash is
        of everything, the second of all but the target, which changes no training.
      config_hash: of the config without its target and without where the data is.
      problem: None for a recipe of `effjax train`.
      former: of a recipe, the identity that revisions before gave it.
      timed: the optimizer's update is timed by itself on this one.
    """

    label: str
    config: View
    identity: Mapping[str, str]
    config_hash: str
    problem: Problem | None
    former: Mapping[str, str] | None = None
    timed: bool = False


def open_workload(label: str, config: View, data_dir: str | None) -> Workload:
    """Reads a workload's data and hashes what it is.

    Raises:
      UserError: data that is not there, or a config that makes no problem.
    """
    problem = None
    before = None
    if config.problem == "recipe":
        data = recipe_fingerprint(config)
        before = former_fingerprint(config)
    else:
        problem = make_problem(config, data_dir)
        data = problem.fingerprint
    tree = config.to_dict()
    target = tree.pop("target")
    # the path of a recipe is not what it says: its content is in the fingerprint
    tree.pop("recipe")
    for key in WHEREABOUTS:
        tree["data"].pop(key)
    identity = _identity(label, tree, data, target)
    former = _identity(label, tree, before, target) if before else None
    return Workload(label, config, identity, digest(tree), problem, former)


def _identity(label: str, tree: Any, data: str, target: Any) -> dict[str, str]:
    base = digest([tree, data])
    return {"workload": label, "workload_hash": digest([base, target]), "problem_hash": base}


def as_in_rows(workloads: Sequence[Workload], rows: Sequence[Row]) -> list[Workload]:
    """The workloads, recipes with the identity that rows of theirs have: such rows count."""
    present = {row["problem_hash"] for row in rows}
    found = []
    for workload in workloads:
        is_new = workload.identity["problem_hash"] in present
        if workload.former and not is_new and workload.former["problem_hash"] in present:
            workload = replace(workload, identity=workload.former)
        found.append(workload)
    return found


def check_same_data(
    workloads: Sequence[Workload], results: ResultsFolder, display: Display
) -> None:
    """Refuses to continue a folder with other data; writes down what its rows are made with.

    A workload whose config has changed is another workload: its old rows stay, and do not count.

    Raises:
      UserError: the config is as before and the data is not.
    """
    known = results.workloads()  # {} in a folder of an older revision: nothing to compare
    before = dict(known)
    for workload in workloads:
        record = {"config": workload.config_hash, "data": describe(workload)}
        old = known.get(workload.label)
        if old is not None and _has_other_data(old, record):
            raise UserError(
                f"{results.folder} was made with other data: that of workload "
                f"{workload.label!r} has changed\ngive another --workdir"
            )
        _warn_of_old_rows(workload, results, display)
        known[workload.label] = record
    if known != before:  # a report of a folder that cannot be written to stays possible
        results.write_json(WORKLOADS, known)


def describe(workload: Workload) -> str:
    """A hash of a workload's data. The data of a recipe are opened for it."""
    if workload.problem is not None:
        return workload.problem.fingerprint
    return digest(describe_training_data(View(recipe_config(workload.config))))


def _has_other_data(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return old.get("config") == new["config"] and old.get("data") != new["data"]


def _warn_of_old_rows(workload: Workload, results: ResultsFolder, display: Display) -> None:
    own = workload.identity["problem_hash"]
    others = 0
    for row in results.rows:
        if row["workload"] == workload.label and row["problem_hash"] != own:
            others += 1
    if others:
        display.warn(
            f"{workload.label}: {others} rows of another config or of other data do not count"
        )


def time_updates_on_largest(workloads: Sequence[Workload], wanted: bool) -> list[Workload]:
    """The workloads, the largest of them marked: there an update is timed by itself.

    On small ones what is timed would be the call, not the bytes that the update moves.
    """
    if not wanted:
        return list(workloads)
    # a recipe has no problem in memory, and is never timed
    sizes = [parameter_count(w.problem) if w.problem else 0 for w in workloads]
    largest = max(sizes)
    marked = []
    for workload, size in zip(workloads, sizes):
        marked.append(replace(workload, timed=size == largest > 0))
    return marked
