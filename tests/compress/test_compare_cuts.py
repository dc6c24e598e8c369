"""Cut networks beside others of their size."""

import json
from pathlib import Path

import pytest

from effjax.compress.compare_cuts import ARMS, compare_cuts, of_arm, of_original
from effjax.compress.cut_table import BASE, COMPARE, ORIGINAL, PICTURE
from effjax.errors import UserError
from effjax.report import choose_display
from tests.compress.gates.test_task import config_of


def test_each_arm_has_what_its_name_says():
    config = config_of()
    config.task.update(alpha=0.3)  # of the students alone
    assert "alpha" not in of_original(config, 4).task
    assert of_original(config, 4).seed == 4
    found = {}
    for name, arm in ARMS.items():
        found[name] = of_arm(config, arm, Path("original"), Path("cut"), 4)
        assert found[name].model.arch == "cut/architecture.json"
    assert found[BASE].init_from == "cut/weights.safetensors"
    assert found[BASE].task.teacher == "original"
    assert found[BASE].task.alpha == 0.3
    assert found["scratch taught"].init_from is None
    assert found["scratch"].task.name == "classification"


def test_other_tasks_are_refused():
    config = config_of()
    config.task.name = "prune"
    with pytest.raises(UserError, match="cannot be cut and taught"):
        of_original(config, 0)


@pytest.mark.slow
def test_a_comparison_from_end_to_end_and_again(tmp_path):
    quiet = choose_display(quiet=True)
    config = config_of()
    compare_cuts(config, tmp_path, ["macs:0.6x"], 1, "l2", quiet)
    rows = json.loads((tmp_path / COMPARE).read_text())
    assert [row["arm"] for row in rows] == [ORIGINAL, *ARMS]
    assert (tmp_path / PICTURE).stat().st_size > 1000
    # what is finished is not trained again
    before = (tmp_path / "original-s0" / "summary.json").stat().st_mtime_ns
    compare_cuts(config, tmp_path, ["macs:0.6x"], 1, "l2", quiet)
    assert (tmp_path / "original-s0" / "summary.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="was cut by l2, not by l1"):
        compare_cuts(config, tmp_path, ["macs:0.6x"], 1, "l1", quiet)
