"""Sub-networks beside the same networks trained alone."""

import json
from pathlib import Path

import jax
import pytest

from effjax.compress.cut_table import COMPARE, PICTURE
from effjax.compress.elastic.compare import ALONE, CUT_OUT, SUPERNET, compare_children, of_alone
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.trials.runs_table import read_runs
from tests.compress.elastic.conftest import SIDE, config_of

QUIET = choose_display(quiet=True)


@pytest.fixture(autouse=True)
def singles(doubles):
    with jax.enable_x64(False):
        yield


def test_a_network_alone_has_the_recipe_and_nothing_elastic():
    config = config_of(children=1, image_sizes=(4, 8), size_order="draw")
    config.task.loss = "binary_cross_entropy"
    alone = of_alone(config, Path("cut"), 4, 7)
    assert alone.task.name == "classification"
    assert alone.task.loss == "binary_cross_entropy"
    assert "children" not in alone.task
    assert alone.task.image_sizes == ()
    assert (alone.data.image_size, alone.seed) == (4, 7)
    assert alone.model.arch == "cut/architecture.json"
    assert alone.total_steps == config.total_steps
    assert of_alone(config, Path("cut"), None, 7).data.image_size == SIDE


def test_other_tasks_are_refused(tmp_path):
    config = config_of()
    config.task.name = "classification"
    with pytest.raises(UserError, match="trains no elastic network"):
        compare_children(config, tmp_path, ["macs:0.5x"], 1, QUIET)


@pytest.mark.slow
def test_a_budget_that_cannot_be_met_is_refused_before_training(tmp_path):
    with pytest.raises(UserError, match="this space costs from"):
        compare_children(config_of(), tmp_path, ["macs:0.9x", "macs:0.001x"], 1, QUIET)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_comparison_from_end_to_end_and_again(tmp_path):
    config = config_of(children=1, pairs=8)
    rows = compare_children(config, tmp_path, ["macs:0.6x"], 1, QUIET)
    assert [row.arm for row in rows] == [SUPERNET, CUT_OUT, ALONE]
    whole, cut, alone = rows
    assert cut.costs["macs"] <= 0.6 * whole.costs["macs"]
    assert cut.costs == alone.costs
    stored = json.loads((tmp_path / COMPARE).read_text())
    assert [row["value"] for row in stored] == [row.value for row in rows]
    variants = [result.trial.variant for result in read_runs(tmp_path)]
    assert variants == [SUPERNET, "cut out macs:0.6x", "alone macs:0.6x"]
    assert (tmp_path / PICTURE).stat().st_size > 1000
    # what is finished is neither trained nor cut again
    files = (
        tmp_path / f"{SUPERNET}-s0" / "summary.json",
        tmp_path / "cut-macs-0.6x-s0/search.json",
    )
    before = [file.stat().st_mtime_ns for file in files]
    assert compare_children(config, tmp_path, ["macs:0.6x"], 1, QUIET) == rows
    assert [file.stat().st_mtime_ns for file in files] == before
