"""A search of a config file, from its start to the files that it leaves."""

import json

import pytest

import effjax
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.options import Search
from effjax.search.table import Row, Table
from effjax.search.verb import search


@pytest.fixture
def config():
    made = effjax.default_config()
    made.total_steps = 2
    made.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=16)
    made.model.update(name="convformer_s18")
    return made


@pytest.fixture
def table(space, costs, tmp_path):
    rows = []
    for point in space.points():
        rows.append(Row(point, (sum(point),), {"params": 5, "macs": 10 + sum(point)}))
    path = tmp_path / "table.json"
    Table(space, "val/top1", rows).write(path)
    return path


def test_on_a_table(config, space, table, tmp_path, capsys):
    wanted = Search(space, "random", Budget("macs", 12), 100, table=str(table))
    found = search(config, wanted, tmp_path / "s", choose_display(quiet=True))
    assert found.value == 2
    record = json.loads((tmp_path / "s/search.json").read_text())
    assert record["costs"]["macs"] == 12


def test_a_table_of_another_space(config, space, table, tmp_path):
    other = json.loads(table.read_text())
    other["space"]["fields"]["dims"] = [8, 16]
    table.write_text(json.dumps(other))
    wanted = Search(space, "random", table=str(table))
    with pytest.raises(UserError, match="is of another space"):
        search(config, wanted, tmp_path / "s", choose_display(quiet=True))


@pytest.mark.slow
def test_with_trainings(config, space, tmp_path):
    wanted = Search(space, "random", evaluations=2)
    found = search(config, wanted, tmp_path, choose_display(quiet=True))
    assert 0 <= found.value <= 1
    assert len(list((tmp_path / "trainings").glob("p*/summary.json"))) == 2


@pytest.mark.slow
def test_a_score_in_the_place_of_trainings(config, space, tmp_path):
    # the model drops blocks at random, which no score may do
    config.model.drop_path_rate = 0.5
    wanted = Search(space, "random", evaluations=2, proxy="naswot")
    found = search(config, wanted, tmp_path, choose_display(quiet=True))
    again = search(config, wanted, tmp_path / "again", choose_display(quiet=True))
    assert [entry.value for entry in found.history] == [entry.value for entry in again.history]
    assert not (tmp_path / "trainings").exists()
