"""How trials are grouped: decided by a clock, remembered in the folder."""

import jax
import pytest

from effjax.bench.grouping import alike, choose_grouping, even, make_program
from effjax.bench.member import make_recipe
from effjax.bench.results import ResultsFolder
from effjax.bench.schema import PopulationConfig
from effjax.bench.workloads import Workload
from effjax.config import View, to_config
from effjax.report.progress import Quiet
from tests.bench.configs import DIGITS, trials_of


def test_grouping_is_what_the_clock_says(digits):
    trials = trials_of("adamw", 16)
    recipe = make_recipe("adamw", [t.settings for t in trials], "cosine", DIGITS)
    population = to_config(PopulationConfig)
    arguments = recipe, DIGITS
    grouping, _ = choose_grouping(digits, *arguments, View(population), trials, jax.devices()[:1])
    alone, together = (float(word) for word in grouping.why.split() if word[0].isdigit())
    assert (grouping.each > 1) == (together < alone)
    population.mode = "single"
    grouping, _ = choose_grouping(digits, *arguments, View(population), trials, jax.devices()[:1])
    assert grouping.each == 1
    population.update(mode="vmap", memory_percent=1e-9)
    grouping, _ = choose_grouping(digits, *arguments, View(population), trials, jax.devices()[:1])
    assert (grouping.each, grouping.why) == (1, "two trials do not fit in memory")


def test_even_parts():
    assert [even(65, 64), even(64, 64), even(6, 4), even(1, 9)] == [33, 64, 3, 1]


def test_what_cannot_be_an_argument_is_another_program():
    trials = trials_of("adamw", 4) + trials_of("adamw", 4, nesterov=True)
    parts = alike([t for t in trials if "nesterov" in t.settings] or trials, DIGITS)
    assert len(parts) == 1
    mixed = [trials_of("sgd", 2, nesterov=value, momentum=0.9)[0] for value in (True, False)]
    assert [len(part) for part in alike(mixed, DIGITS)] == [1, 1]


def test_a_decision_is_made_once(tmp_path, digits, monkeypatch):
    """A rerun groups trials as before, whatever the clock would say today."""
    results = ResultsFolder(tmp_path)
    identity = {"workload": "w", "problem_hash": "h", "workload_hash": "t"}
    workload = Workload("w", DIGITS, identity, "c", digits)
    population = View(to_config(PopulationConfig, PopulationConfig(mode="vmap")))
    trials = trials_of("adamw", 16)
    first = make_program(workload, population, trials, results, Quiet())
    assert first.each == 2  # of 16 trials on 8 devices
    assert len(results.plans()) == 1
    monkeypatch.setattr("effjax.bench.grouping.choose_grouping", pytest.fail)
    again = make_program(workload, population, trials, ResultsFolder(tmp_path), Quiet())
    assert again.each == first.each
