"""What a search leaves: an architecture that every other verb takes."""

import json

import jax
import numpy as np
import pytest

from effjax import models
from effjax.costs import Budget
from effjax.search import run
from effjax.search.choices import Choice
from effjax.search.costing import PointCosts
from effjax.search.found import make_found, write
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from effjax.search.registry import Chosen
from effjax.search.space import ArchSpace


def test_files(problem, tmp_path):
    asked = problem(5, budgets=[Budget("macs", "0.9x")])
    found = run("random", asked)
    write(found, asked, tmp_path)
    model = models.create_model(str(tmp_path / "architecture.json"), num_classes=4)
    assert model.architecture == found.architecture
    # the integer cost is that of the network that is built
    total = models.cost(model, (8, 8, 3))
    record = json.loads((tmp_path / "search.json").read_text())
    assert record["costs"] == {"params": total.params, "macs": total.macs}
    assert total.macs <= record["budgets"]["macs"]
    assert len(record["history"]) == 5
    assert (tmp_path / "search.png").stat().st_size > 5000
    assert not (tmp_path / "weights.safetensors").exists()


def test_weights_that_are_handed_on_give_the_same_logits(problem, tmp_path):
    asked = problem()
    point = (2, 0, 0, 0)
    model = asked.model(point)
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), images)
    found = make_found("own", asked, Chosen(point, variables, front=[point, (0, 0, 0, 0)]))
    write(found, asked, tmp_path)
    again = models.create_model(str(tmp_path / "architecture.json"), num_classes=4)
    fresh = jax.jit(again.init)(jax.random.key(1), images)
    loaded, _ = models.load_weights(again, fresh, tmp_path / "weights.safetensors")
    expected = jax.jit(model.apply)(variables, images)
    assert np.array_equal(jax.jit(again.apply)(loaded, images), expected)
    assert (tmp_path / "architecture-front1.json").exists()


def test_the_best_of_none(problem):
    with pytest.raises(ValueError, match="none of the networks has a value"):
        run("random", problem(1, function=lambda point: float("nan")))


FAMILIES = {
    "convnext_tiny": [Choice("depths.0", (1, 2)), Choice("stages_0.blocks_1.kernel_sizes", (3, 5))],
    "inception_next_atto": [Choice("band_kernels.0", (5, 9)), Choice("mlp_ratios.1", (2.0, 4.0))],
    "vit_tiny_patch16_224": [Choice("width", (12, 24)), Choice("depth", (1, 2))],
}
SIZES = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name, tmp_path):
    """What is written builds the same network, of the same cost, with the same logits."""
    fields = {"patch_size": 8, "heads": 3} if name.startswith("vit") else SIZES
    space = ArchSpace(name, FAMILIES[name], **fields)
    asked = Problem(space, ByFunction(sum), 2, costs=PointCosts(space, (32, 32, 3), 4))
    point = asked.draw()
    model = asked.model(point)
    images = np.random.default_rng(0).standard_normal((2, 32, 32, 3)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), images)
    write(make_found("own", asked, Chosen(point, variables)), asked, tmp_path)
    again = models.create_model(str(tmp_path / "architecture.json"), num_classes=4)
    fresh = jax.jit(again.init)(jax.random.key(1), images)
    loaded, _ = models.load_weights(again, fresh, tmp_path / "weights.safetensors")
    expected = jax.jit(model.apply)(variables, images)
    assert np.array_equal(jax.jit(again.apply)(loaded, images), expected)
    total = models.cost(again, (32, 32, 3))
    assert json.loads((tmp_path / "search.json").read_text())["costs"] == {
        "params": total.params,
        "macs": total.macs,
    }
