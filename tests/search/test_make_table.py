"""A table in two sittings."""

import dataclasses
import json

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.given import load_run
from effjax.search import make_table as making
from effjax.search.table import read_table

CONFIG = "configs/search/table_cifar10.py:quick"
QUIET = choose_display(quiet=True)


@pytest.mark.slow
def test_two_sittings_make_the_table_of_one(tmp_path, monkeypatch):
    config, wanted = load_run(CONFIG, []), making.read_table_settings(CONFIG)
    # scores have tests of their own, and take a minute to compile
    few = {name: making.PROXIES.entries[name] for name in ("params", "macs")}
    monkeypatch.setattr(making.PROXIES, "entries", few)
    out = tmp_path / "table.json"
    wanted = dataclasses.replace(wanted, out=str(out))
    first = dataclasses.replace(wanted, networks=1)
    making.make_table(config, first, tmp_path, QUIET)
    trained = (tmp_path / making.ROWS).read_text()
    making.make_table(config, wanted, tmp_path, QUIET)
    assert (tmp_path / making.ROWS).read_text().startswith(trained)
    table = read_table(out)
    assert len(table.rows) == 2
    for row in table.rows:
        assert row.scores["params"] == row.costs["params"]
        assert 0 <= row.value <= 1
    assert json.loads(out.read_text())["config"]["total_steps"] == 4


def test_points_are_drawn_once_and_are_a_prefix_of_more():
    space = making.read_table_settings(CONFIG).space
    many = making.draw_points(space, 30, seed=0)
    assert len(set(many)) == 30
    assert making.draw_points(space, 7, seed=0) == many[:7]


def test_another_file_is_refused():
    with pytest.raises(UserError, match="no function table"):
        making.read_table_settings("configs/quickstart.py")
