"""What every strategy on cells must do, from a config to an architecture that trains."""

import json

import effjax
from effjax.models import read_architecture
from effjax.report import choose_display
from effjax.search import Search
from effjax.search.cells.spaces import DartsSpace
from effjax.search.verb import search

SPACE = DartsSpace(("skip_connect", "avg_pool_3x3", "dil_conv_3x3"), nodes=1, width=4, layers=3)
OPTIONS = {"epochs": 1.0, "width": 2, "layers": 3}


def check_search(strategy, workdir):
    """A search of two steps ends in an architecture of its space."""
    config = effjax.default_config()
    config.total_steps = 2.0
    config.model.update(name="darts_v2", width=4, layers=3)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    config.data.augment.update(crop="none", hflip=0.0)
    config.parallel.devices = 1
    wanted = Search(space=SPACE, strategy=strategy, options=OPTIONS)
    found = search(config, wanted, workdir, choose_display(quiet=True))
    name, fields = read_architecture(workdir / "architecture.json")
    assert name == "darts_v2"
    assert json.loads((workdir / "search.json").read_text())["strategy"] == strategy
    assert SPACE.decode(found.point).width == 4
    assert set(fields) <= {"normal", "reduce", "normal_concat", "reduce_concat", "width", "layers"}
