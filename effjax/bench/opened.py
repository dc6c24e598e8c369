"""A workload with its data: what every row is marked with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from effjax.bench.problems import Problem, make_problem
from effjax.bench.recipes import recipe_fingerprint
from effjax.bench.tuning import digest
from effjax.bench.update_cost import parameter_count
from effjax.config import View


@dataclass(frozen=True)
class Workload:
    """A workload with its data.

    Attributes:
      identity: {"workload", "workload_hash", "problem_hash"}: part of every row. The first hash is
        of everything, the second of all but the target, which changes no training.
      problem: None for a recipe of `effjax train`.
      timed: the optimizer's update is timed by itself on this one.
    """

    label: str
    config: View
    identity: Mapping[str, str]
    problem: Problem | None
    timed: bool = False


def open_workload(label: str, config: View, data_dir: str | None) -> Workload:
    """Reads a workload's data and hashes what it is."""
    if config.problem == "recipe":
        problem, data = None, recipe_fingerprint(config)
    else:
        problem = make_problem(config, data_dir)
        data = problem.fingerprint
    tree = config.to_dict()
    target = tree.pop("target")
    where = ("name", "files", "train_split", "eval_split")  # the fingerprint says it better
    tree["data"] = {k: v for k, v in tree["data"].items() if k not in where}
    tree.pop("recipe")
    base = digest([tree, data])
    identity = {
        "workload": label,
        "workload_hash": digest([base, target]),
        "problem_hash": base,
    }
    return Workload(label, config, identity, problem)


def time_updates_on_largest(workloads: Sequence[Workload], population: View) -> list[Workload]:
    """The workloads, one of them marked: what an update costs is told by its number of bytes."""
    sizes = [parameter_count(w.problem) if w.problem else 0 for w in workloads]
    return [
        replace(w, timed=population.update_cost and size == max(sizes) > 0)
        for w, size in zip(workloads, sizes)
    ]
