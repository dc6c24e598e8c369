"""darts through the face of searches: from a config to an architecture that trains."""

import json

import pytest

import effjax
from effjax.models import read_architecture
from effjax.report import choose_display
from effjax.search import Search
from effjax.search.cells.spaces import DartsSpace
from effjax.search.options import bind_options
from effjax.search.registry import find_strategy
from effjax.search.verb import search

OPERATIONS = ("skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def test_its_options_are_known():
    bind_options("darts", find_strategy("darts"), {"epochs": 1.0, "width": 2})


@pytest.mark.slow
def test_a_search_ends_in_an_architecture(tmp_path):
    config = effjax.default_config()
    config.total_steps = 2.0
    config.model.update(name="darts_v2", width=4, layers=3)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    config.data.augment.update(crop="none", hflip=0.0)
    config.parallel.devices = 1
    space = DartsSpace(OPERATIONS, nodes=1, width=4, layers=3)
    options = {"epochs": 1.0, "width": 2, "layers": 3}
    wanted = Search(space=space, strategy="darts", options=options)
    found = search(config, wanted, tmp_path, choose_display(quiet=True))
    name, fields = read_architecture(tmp_path / "architecture.json")
    assert name == "darts_v2"
    assert json.loads((tmp_path / "search.json").read_text())["strategy"] == "darts"
    assert space.decode(found.point).width == 4
    assert set(fields) <= {"normal", "reduce", "normal_concat", "reduce_concat", "width", "layers"}
