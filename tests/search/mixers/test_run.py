"""A search of mixers from a config to a network: what is found, what is held, what is refused."""

import json

import jax
import numpy as np
import pytest

from effjax import models
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.models import create_model, read_architecture
from effjax.report import choose_display
from effjax.search import Search
from effjax.search.mixers.run import held_point, refuse_sizes, search_mixers
from effjax.search.verb import search
from tests.search.mixers.small import FIRST, space_of, training_config

WHOLE = ("identity", "pooling", "depthwise3")


class Nothing:
    config = workdir = None


class Elsewhere(Nothing):
    space = "something else"


def test_another_space_is_refused():
    with pytest.raises(UserError, match=r"searches cells .* or the mixers of blocks"):
        search_mixers(Elsewhere(), "darts", {}, None, None)


def test_a_problem_without_images_is_refused():
    problem = Nothing()
    problem.space = space_of((FIRST, WHOLE))
    with pytest.raises(UserError, match="strategy 'darts' trains a network"):
        search_mixers(problem, "darts", {}, None, None)


def test_sizes_of_cells_are_refused():
    refuse_sizes("darts", width=None)
    with pytest.raises(UserError, match="width = 4 is for cells"):
        refuse_sizes("darts", width=4)


def test_what_is_not_searched_stays_as_the_base_has_it():
    choices = [
        (FIRST, WHOLE),
        ("mlp_ratio", (2.0, 1.0)),
        ("dims", ((4,), (12,))),
        ("depths.0", (1, 2)),
        ("stages_0.blocks_1.kernel_sizes", (5, 3)),
        ("resolution", (8, 4)),
    ]
    # a width that is no option: the first one
    assert held_point(space_of(*choices), training_config()) == (0, 1, 0, 1, 1, 1)


@pytest.mark.parametrize("strategy", ["darts", "pr_darts"])
def test_the_one_mixer_that_solves_a_task_is_found(strategy, tmp_path):
    space = space_of((FIRST, WHOLE), ("mlp_ratio", (2.0, 1.0)), depths=(1,))
    options = {"alpha_rate": 0.05}
    if strategy == "darts":
        options["order"] = "first"
    wanted = Search(space, strategy, Budget("macs", 1e6), options=options)
    found = search(training_config(), wanted, tmp_path, choose_display(quiet=True))
    assert found.options == {FIRST: "depthwise3", "mlp_ratio": 1.0}
    record = json.loads((tmp_path / "search.json").read_text())
    assert record["notes"]["most_probable"] == {FIRST: "depthwise3"}
    assert [row["step"] for row in record["notes"]["way"]] == list(range(0, 41, 2))
    assert (tmp_path / "search.png").exists()
    # the weights fit the network that was found
    name, fields = read_architecture(tmp_path / "architecture.json")
    model = create_model(name, 2, **fields)
    assert model.architecture.mixers == (("separable_conv",),)
    fresh = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 4, 4, 3), np.float32))
    loaded, _ = models.load_weights(model, fresh, tmp_path / "weights.safetensors")
    jax.tree.map(np.testing.assert_array_equal, loaded["params"], found.variables["params"])
    # a search that is there is not made again
    before = (tmp_path / "supernet/metrics.jsonl").read_text()
    again = search(training_config(), wanted, tmp_path, choose_display(quiet=True))
    assert (again.point, again.notes) == (found.point, found.notes)
    assert (tmp_path / "supernet/metrics.jsonl").read_text() == before
