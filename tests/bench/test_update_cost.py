"""What an update costs, on parameters whose sizes are known."""

import pytest

from effjax.bench.member import make_recipe
from effjax.bench.problems import make_problem
from effjax.bench.schema import workload
from effjax.bench.tuning import OptimizerTrial
from effjax.bench.update_cost import parameter_count, update_cost
from effjax.config import View

W = View(workload(model={"widths": (32,), "l2": 0.0}, max_steps=4))
SIZE = 64 * 32 + 32 + 32 * 10 + 10


@pytest.mark.parametrize(("name", "arrays"), [("sgd", 0), ("adamw", 2), ("adan", 4)])
def test_state_is_counted(name, arrays):
    settings = {"learning_rate": 1e-3, "weight_decay": 0.01}
    problem = make_problem(W)
    recipe = make_recipe(name, [settings], "cosine", W)
    trial = OptimizerTrial(
        variant=name, seed=0, settings=settings, name=name, number=0, schedule="cosine"
    )
    found = update_cost(problem, recipe, trial, timed=name == "adamw")
    assert found["parameters"] == parameter_count(problem) == SIZE
    # counters beside the arrays are a few bytes
    assert found["state_bytes"] == pytest.approx(4 * SIZE * arrays, abs=32)
    assert (found["update_ms"] is not None) == (name == "adamw")
    if name == "adamw":
        assert found["update_moves"] >= 7  # reads p, g, m, v; writes p, m, v
