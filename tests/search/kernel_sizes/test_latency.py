"""A latency table: measured once, read by searches."""

import json

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.kernel_sizes.latency import measure_table, read_table
from effjax.tasks.run import build
from tests.search.kernel_sizes.conftest import search_config

QUIET = choose_display(quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["poolformer_s12", "convformer_s18"])
def test_measured_and_used(tmp_path, model):
    path = tmp_path / "table.json"
    table = measure_table(search_config(model), path, QUIET)
    again = read_table(path)
    assert again.network == pytest.approx(table.network)
    task = build(search_config(model, cost="latency", latency_table=str(path))).task
    least, most = task.cost.reachable
    assert 0 < least < task.budgets[0] < most
    assert json.loads(path.read_text())["batch_size"] == 32


def test_a_file_that_is_no_table(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.json", "missing.json"):
        with pytest.raises(UserError, match="cannot be read"):
            build(
                search_config("convformer_s18", cost="latency", latency_table=str(tmp_path / name))
            )


def test_a_table_of_another_network(pooling_table):
    keys = {"cost": "latency", "latency_table": str(pooling_table)}
    with pytest.raises(UserError, match="does not hold depthwise square 16x16x16"):
        build(search_config("convformer_s18", **keys))


def test_a_config_that_is_no_search(tmp_path):
    config = search_config("convformer_s18")
    config.task.name = "classification"
    with pytest.raises(UserError, match="learns no sizes"):
        measure_table(config, tmp_path / "x.json", QUIET)
