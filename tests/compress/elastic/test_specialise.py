"""A sub-network for a budget."""

import itertools
import json

import jax
import numpy as np
import pytest

import effjax
from effjax import models
from effjax.compress.elastic.specialise import fit_predictor, specialise
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.choices import Choice
from effjax.search.objectives import ByFunction
from effjax.search.points import Space
from effjax.search.problem import Problem
from effjax.search.verb import run as search_run
from tests.compress.elastic.conftest import SIDE

QUIET = choose_display(quiet=True)


@pytest.fixture(autouse=True)
def singles(doubles):
    with jax.enable_x64(False):
        yield


class Bits(Space):
    def __init__(self):
        super().__init__([Choice(f"bit{n}", (0, 1)) for n in range(8)])

    def decode(self, point):
        return point


def test_a_predictor_ranks_what_it_has_not_seen():
    space = Bits()
    rng = np.random.default_rng(0)
    points = [space.sample(rng) for _ in range(60)]
    weights = np.arange(1.0, 9.0)
    values = np.asarray([weights @ point for point in points])
    predictor = fit_predictor(np.stack([space.encode(point) for point in points]), values)
    assert predictor.rank > 0.95
    rest = [p for p in itertools.product((0, 1), repeat=8) if p not in points]
    found = predictor(np.stack([space.encode(point) for point in rest]))
    assert np.corrcoef(found, [weights @ point for point in rest])[0, 1] > 0.95


def test_equal_values_have_no_ranks():
    codes = np.random.default_rng(0).standard_normal((20, 3))
    assert fit_predictor(codes, np.ones(20)).rank is None


def test_evolution_reaches_the_best_of_a_small_space():
    space = Bits()
    values = {p: np.sin(13 * n) for n, p in enumerate(itertools.product((0, 1), repeat=8))}
    problem = Problem(space, ByFunction(values.get), 256)
    found = search_run("evolution", problem, population=100)
    assert values[found.point] == max(values.values())


@pytest.mark.slow
def test_what_is_found_is_an_ordinary_network_within_the_budget(run, tmp_path):
    found = specialise(run, Budget("macs", "0.5x"), tmp_path / "half", QUIET)
    space = json.loads((tmp_path / "half" / "search.json").read_text())["space"]
    assert space["elastic"]
    model = models.create_model(str(tmp_path / "half" / "architecture.json"), num_classes=3)
    assert models.cost(model, (SIDE, SIDE, 3)).macs == found.costs["macs"]
    whole = effjax.load(run)
    assert found.costs["macs"] <= 0.5 * models.cost(whole.model, (SIDE, SIDE, 3)).macs
    assert (tmp_path / "half" / "weights.safetensors").exists()
    assert (tmp_path / "half" / "search.png").exists()


@pytest.mark.slow
def test_a_budget_that_cannot_be_met_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="this space costs from"):
        specialise(run, Budget("macs", "0.001x"), tmp_path, QUIET)
