"""The comparison: what the arms get, and what is made again."""

import json

import numpy as np
import pytest

from effjax.config import View, check
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.compare import (
    Row,
    compare,
    paired,
    random_sizes,
    table_rows,
    uniform_sizes,
)
from effjax.search.kernel_sizes.task import KernelSearch
from tests.search.kernel_sizes.conftest import search_config

QUIET = choose_display(quiet=True)


def task_of(**keys):
    config = search_config("convformer_s18", **keys)
    check(config, RunConfig)
    return KernelSearch(View(config))


def test_the_baselines_fill_the_budget():
    task = task_of(budget_sizes=(5,))
    budget = task.budgets[0]
    assert uniform_sizes(task) == [5, 5, 5, 3]
    drawn = [random_sizes(task, draw) for draw in range(4)]
    assert len({tuple(sizes) for sizes in drawn}) > 1
    for sizes in drawn:
        assert task.cost.exact(sizes) <= budget
        larger = [np.asarray(sizes) + 2 * (np.arange(4) == n) for n in range(4)]
        assert all(
            task.cost.exact(size) > budget or np.any(size > task.sizes.largest) for size in larger
        )


def test_the_table():
    task = task_of(budget_sizes=(5,))
    cost = task.budgets[0]
    rows = [
        Row(arm, seed, (5, 5, 5, 3), cost, top1, 110.0, 10.0, *((20, 5) if arm == "found" else ()))
        for arm, values in {"found": (0.82, 0.80), "uniform": (0.80, 0.79)}.items()
        for seed, top1 in enumerate(values)
    ]
    assert paired({"found": rows[:2], "uniform": rows[2:]}, "found", "uniform") == pytest.approx(
        [0.02, 0.01]
    )
    found, uniform = table_rows(rows, task)
    assert found[:3] == ["found", "5 5 5 3", "1.000"]
    assert found[3].startswith("81.00 [")
    assert found[4].startswith("+1.50 [")
    assert (found[5], uniform[4], uniform[5]) == ("18% (15%)", "-", "-")


def test_an_unknown_arm(tmp_path):
    config = search_config("convformer_s18", compare_arms=("found", "unifrom"))
    with pytest.raises(UserError, match="unknown 'unifrom'; did you mean 'uniform'"):
        compare(config, tmp_path, QUIET)


def test_a_config_that_is_no_search(tmp_path):
    config = search_config("convformer_s18")
    config.task.name = "classification"
    with pytest.raises(UserError, match="learns no sizes"):
        compare(config, tmp_path, QUIET)


@pytest.mark.slow
def test_a_comparison_goes_on_where_it_was(tmp_path):
    arms = {"compare_arms": ("found", "uniform", "random"), "compare_random": 1}
    config = search_config("convformer_s18", 3, **arms, compare_seeds=1)
    first = compare(config, tmp_path, QUIET)
    assert [row.arm for row in first] == ["found", "uniform", "random0"]
    assert (tmp_path / "compare.png").stat().st_size > 5_000
    stamp = (tmp_path / "found-s0" / "summary.json").stat().st_mtime_ns
    config.task.compare_seeds = 2
    second = compare(config, tmp_path, QUIET)
    assert (tmp_path / "found-s0" / "summary.json").stat().st_mtime_ns == stamp
    assert second[:3] == first
    assert [row["seed"] for row in json.loads((tmp_path / "compare.json").read_text())] == [
        0, 0, 0, 1, 1, 1,
    ]  # fmt: skip
