"""The comparison: what the arms get, and what is made again."""

import json

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.kernel_sizes.compare import Row, compare, paired, table_rows
from tests.search.kernel_sizes.conftest import search_config, supernet_of

QUIET = choose_display(quiet=True)


def test_the_table():
    net = supernet_of("convformer_s18", budget_sizes=(5,))
    cost = net.budgets[0]
    rows = [
        Row(arm, seed, (5, 5, 5, 3), cost, top1, 110.0, 10.0, *((20, 5) if arm == "found" else ()))
        for arm, values in {"found": (0.82, 0.80), "uniform": (0.80, 0.79)}.items()
        for seed, top1 in enumerate(values)
    ]
    difference = paired(rows).difference("found")
    assert difference.estimate == pytest.approx(0.015)
    found, uniform = table_rows(rows, net)
    assert found[:3] == ["found", "5 5 5 3", "1.000"]
    assert found[3].startswith("81.00 [")
    assert found[4].startswith("+1.50 [")
    assert (found[5], uniform[4], uniform[5]) == ("18% (15%)", "-", "-")


def test_a_training_without_a_value_does_not_count():
    net = supernet_of("convformer_s18", budget_sizes=(5,))
    cost = net.budgets[0]
    sound = Row("uniform", 0, (5, 5, 5, 3), cost, 0.8, 110.0, 10.0)
    failed = Row("found", 0, (5, 5, 3, 3), cost, None, 0.0, 0.0, 20.0, 5.0, reason="not finite")
    rows = [sound, failed]
    assert paired(rows).difference("found") is None
    found = table_rows(rows, net)[1]
    assert found[3:6] == ["-", "-", "-"]


def test_what_cannot_be_compared(tmp_path):
    several = search_config("convformer_s18", budget_sizes=(3, 5))
    with pytest.raises(UserError, match="takes one budget"):
        compare(several, tmp_path, QUIET)


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
