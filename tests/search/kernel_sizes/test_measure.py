"""A latency table of a search: measured once, read by searches."""

import json

import pytest

from effjax.costs import read_table
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.kernel_sizes.measure import measure_table
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
    least, most = task.supernet.cost.reachable
    assert 0 < least < task.supernet.budgets[0] < most
    assert json.loads(path.read_text())["batch_size"] == 32


def test_a_config_that_is_no_search(tmp_path):
    config = search_config("convformer_s18")
    config.task.name = "classification"
    with pytest.raises(UserError, match="learns no sizes"):
        measure_table(config, tmp_path / "x.json", QUIET)
