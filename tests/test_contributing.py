"""The examples of CONTRIBUTING.md work as they stand there, in a package outside of effjax."""

import doctest
import importlib
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import effjax
from effjax import cli, models
from effjax.config import View
from effjax.data.config import DataConfig
from effjax.data.sources.open import open_examples
from effjax.optim.registry import registry as optimizers
from effjax.optim.schedule_registry import SCHEDULES
from effjax.report import choose_display
from effjax.tasks import losses
from effjax.tasks.evaluators import EVALUATORS, find_evaluator

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLES = dict(
    re.findall(r"^```python\n# (myproject/\w+\.py)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
)
SMALL = [
    "--config.total_steps=2",
    "--config.model.dims=(8,8,8,8)",
    "--config.parallel.devices=1",
    "--config.log.tensorboard=False",
    "--config.log.curves=False",
    "--quiet",
]


@pytest.fixture(scope="module", autouse=True)
def myproject(tmp_path_factory):
    """The package, importable while the tests of this file run."""
    folder = tmp_path_factory.mktemp("contributing")
    (folder / "myproject").mkdir()
    (folder / "myproject/__init__.py").touch()
    for path, code in EXAMPLES.items():
        (folder / path).write_text(code)
    sys.path.insert(0, str(folder))
    # what is registered when it is first imported belongs to the tables before
    for module in ("accuracy", "whole_set"):
        importlib.import_module(f"effjax.tasks.{module}")
    registries = [losses.LOSSES, SCHEDULES, EVALUATORS]
    own_tables = [registry.entries for registry in registries]
    tables = (cli.VERBS, models.MIXERS, optimizers(), *own_tables)
    before = [dict(table) for table in tables]
    yield folder
    sys.path.remove(str(folder))
    for table, entries in zip(tables, before):
        table.clear()
        table.update(entries)


def test_the_table_of_floors_is_that_of_the_test():
    marked = r"# --8<-- \[start:floors\]\n(.*?)# --8<-- \[end:floors\]"
    (table,) = re.findall(marked, (ROOT / "tests/test_imports.py").read_text(), re.DOTALL)
    assert f"```python\n{table}```" in TEXT


@pytest.mark.parametrize("name", ["gated_mean", "sign_average"])
def test_a_mixer_and_an_optimizer_take_one_short_file(name):
    code = [line for line in EXAMPLES[f"myproject/{name}.py"].splitlines() if line.strip()]
    assert len(code) <= 40


@pytest.mark.slow
def test_a_mixer_and_an_optimizer_train_evaluate_and_export(myproject, capsys):
    run = f"--workdir={myproject / 'run'}"
    mixers = ("myproject.gated_mean:GatedMean",) * 3 + (
        "myproject.gated_mean:GatedMean(use_bias=False)",
    )
    own = [
        f"--config.model.mixers={mixers}",
        "--config.optim.default.name=myproject.sign_average:sign_average",
    ]
    cli.main(["train", f"--config={ROOT}/configs/quickstart.py:quick", *SMALL, *own, run])
    cli.main(["evaluate", run, "--quiet"])
    assert "val/top1" in capsys.readouterr().out
    out = myproject / "model.safetensors"
    cli.main(["export", run, "--format=safetensors", f"--out={out}", "--quiet"])
    assert out.stat().st_size > 0
    assert "gated_mean:GatedMean(use_bias=False)" in out.with_suffix(".json").read_text()


def test_the_optimizer_checks_its_hyperparameters_and_its_example():
    module = importlib.import_module("myproject.sign_average")
    assert doctest.testmod(module).failed == 0
    with pytest.raises(effjax.UserError, match="b1"):
        module.sign_average(0.1, b1=1.5)


def test_a_task_a_source_and_an_evaluator(myproject):
    config = effjax.default_config()
    config.total_steps = 20.0
    config.task.update(name="myproject.compress_waves:CompressWaves", width=2)
    config.data.batch_size = 16
    config.optim.default.update(name="adam", learning_rate=0.01)
    config.evals.val.every_steps = 10.0
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    summary = effjax.train(config, myproject / "waves", display=choose_display(quiet=True))
    assert summary["best"]["val/error"]["step"] == 20
    assert summary["final"]["val/error"] < 0.5


def test_a_loss_a_schedule_and_images():
    rate = effjax.optim.create_schedule("myproject.brier:power", peak=1.0, total_steps=10)
    assert float(rate(5)) == 0.25
    loss = effjax.tasks.losses.find_loss("myproject.brier:brier")
    assert loss(np.zeros((1, 2)), np.array([[1.0, 0.0]])).tolist() == [0.5]
    discs = open_examples(DataConfig(name="myproject.discs:Discs"), "validation")
    assert len(discs) == 128
    disc, square = discs[0], discs[1]
    assert (disc[1], square[1]) == (0, 1)
    assert disc[0].shape == (32, 32, 3)
    assert np.unique(disc[0]).tolist() == [50, 200]


def test_an_evaluator_of_a_classification():
    found = find_evaluator("myproject.worst_class:WorstClass")
    config = effjax.default_config()
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=8)
    view = View(config)
    predict = lambda variables, batch: jax.nn.one_hot(batch["label"] % 2, 3)  # noqa: E731
    evaluator = found(predict, view, view.evals.val)
    batch = {"label": np.array([0, 1, 2, 2]), "mask": np.array([1.0, 1.0, 1.0, 0.0])}
    assert list(evaluator({}, None, [batch])) == [("recall", 0.0)]
    batch["mask"][2] = 0.0
    assert list(evaluator({}, None, [batch])) == [("recall", 1.0)]


def test_a_verb(capsys):
    importlib.import_module("myproject.walk")
    cli.main(["walk", f"--config={ROOT}/configs/quickstart.py", "--steps=1"])
    assert capsys.readouterr().out.split() == ["accumulate"]
