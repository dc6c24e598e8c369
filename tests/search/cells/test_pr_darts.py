import jax
import jax.numpy as jnp
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.search.cells.pr_darts import PrDartsSearch
from tests.search.cells.small import small_config


def test_two_operations_of_an_edge_run():
    task = PrDartsSearch(View(small_config("pr_darts")))
    alphas = {kind: jnp.zeros((2, 4)) for kind in ("normal", "reduce")}
    weights = task.operation_weights(alphas, jax.random.key(0), jnp.int32(0))
    assert sorted(set(weights["normal"].ravel().tolist())) == [0, 1]
    assert (weights["normal"].sum(-1) == 2).all()
    # each type of cell draws its own gates
    assert (weights["normal"] != weights["reduce"]).any()


def test_in_evaluation_the_largest_alphas_are_taken():
    task = PrDartsSearch(View(small_config("pr_darts")))
    alphas = {kind: jnp.array([[0.0, 3.0, 2.0, 1.0]]) for kind in ("normal", "reduce")}
    weights = task.operation_weights(alphas, None, jnp.int32(0))
    assert weights["normal"].tolist() == [[0, 1, 1, 0]]


def test_the_temperature_falls_over_the_search():
    task = PrDartsSearch(View(small_config("pr_darts")))
    found = [float(task.temperature(step)) for step in (0, 7)]
    assert found == pytest.approx([1.0, 0.1])


def test_more_operations_than_there_are_cannot_be_selected():
    with pytest.raises(UserError, match="selected = 5: an edge has 4 operations"):
        PrDartsSearch(View(small_config("pr_darts", selected=5)))
