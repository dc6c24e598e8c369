"""What revision 3e71cb4 wrote is still read, continued and rebuilt by today's code (make.py)."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from effjax import create_model, list_models
from effjax.config import from_json
from effjax.evaluate import evaluate_workdir
from effjax.models.registry import abstract_variables
from effjax.runs.metrics import read_rows
from effjax.runs.schema import RunConfig
from tests.one_device import one_device

HERE = Path(__file__).parent
CONFIGS = json.loads((HERE / "configs.json").read_text())
SHAPES = json.loads(gzip.decompress((HERE / "models.json.gz").read_bytes()))
# Another machine may order sums differently; on one machine the rows are equal to the bit.
RELATIVE = 1e-5
SLOW = pytest.mark.slow


def effjax(*words):
    command = [sys.executable, "-m", "effjax", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=one_device(), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def learned(rows):
    """The rows without what depends on the machine's speed."""
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in rows]


def test_no_model_is_lost():
    assert set(SHAPES) <= set(list_models())


def smallest_of_each_family():
    """The model with the fewest arrays of each family: tracing takes as long as it has layers."""
    families = {}
    for name in SHAPES:
        families.setdefault(name.split("_")[0], []).append(name)
    smallest = [min(names, key=lambda name: len(SHAPES[name])) for names in families.values()]
    return sorted(smallest, key=lambda name: len(SHAPES[name]))


QUICK = smallest_of_each_family()[:5]  # the rest take a minute together


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=SLOW) for n in SHAPES])
def test_parameter_trees_are_as_they_were(name):
    variables = abstract_variables(create_model(name))
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(dict(variables)):
        place = jax.tree_util.keystr(path, simple=True, separator="/")
        found[place] = f"{leaf.dtype}{list(leaf.shape)}"
    assert list(found.items()) == list(SHAPES[name].items())


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_recorded_configs_are_read(name):
    tree = json.loads(json.dumps(CONFIGS[name]))
    assert from_json(tree, RunConfig).data.name == CONFIGS[name]["data"]["name"]


@pytest.mark.slow
def test_a_run_is_continued(tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(HERE / "run", workdir)
    from tests.keepsakes.make import RUN

    said = effjax("train", *RUN, f"--workdir={workdir}")
    assert "from step 4" in said
    expected = [json.loads(line) for line in (HERE / "continued.jsonl").read_text().splitlines()]
    continued = [row for row in read_rows(workdir) if row["step"] > 4]
    for new, old in zip(learned(continued), learned(expected), strict=True):
        assert new == pytest.approx(old, rel=RELATIVE)


@pytest.mark.slow
def test_a_finished_run_is_evaluated(tmp_path):
    workdir = tmp_path / "finished"
    shutil.copytree(HERE / "finished", workdir)
    metrics = evaluate_workdir(workdir)
    summary = json.loads((workdir / "summary.json").read_text())
    for name, value in metrics.items():
        assert value == pytest.approx(summary["final"][name], rel=RELATIVE), name


def test_what_a_search_found_is_a_network():
    from effjax.models import read_architecture

    name, fields = read_architecture(HERE / "found/architecture.json")
    assert create_model(name, **fields).architecture.kernel_sizes


@pytest.mark.slow
@pytest.mark.parametrize("what", ["distill", "kernel_search"])
def test_losses_are_as_they_were(what, tmp_path):
    from tests.keepsakes.make import SMALL

    if what == "distill":
        teacher = tmp_path / "finished"
        shutil.copytree(HERE / "finished", teacher)
        words = ["train", "--config=configs/distill.py:quick", *SMALL]
        words += [f"--config.task.teacher={teacher}", "--config.model.dims=(8,8,16,16)"]
    else:
        words = ["search", "--config=configs/search/kernel_size_digits.py:quick", *SMALL]
    effjax(*words, f"--workdir={tmp_path}/run")
    losses = [row["train/loss"] for row in read_rows(tmp_path / "run") if "train/loss" in row]
    expected = json.loads((HERE / "losses.json").read_text())[what]
    assert losses == pytest.approx(expected, rel=RELATIVE)
