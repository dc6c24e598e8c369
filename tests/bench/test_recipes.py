"""A recipe of `effjax train` with the optimizer of a trial."""

import dataclasses

import numpy as np
import pytest

from effjax.bench import recipes
from effjax.bench.recipes import (
    _folder_of,
    former_fingerprint,
    read_curves,
    recipe_config,
    recipe_fingerprint,
    run_recipe,
    trial_config,
)
from effjax.bench.schema import BenchConfig, empty_config, optimizer, workload
from effjax.bench.tuning import OptimizerTrial, make_trials
from effjax.bench.workloads import as_in_rows, open_workload
from effjax.config import View, check, load
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.schema import RunConfig

SETTINGS = {"learning_rate": 0.1, "weight_decay": 0.0, "momentum": 0.9, "nesterov": True}


def make_trial(name, settings, seed):
    return OptimizerTrial(
        variant="a", seed=seed, settings=settings, name=name, number=0, schedule="cosine"
    )


@pytest.mark.parametrize("file", ["resnet.py:50-a2", "vit.py:small", "caformer.py:s18"])
def test_only_the_optimizer_is_another(file):
    w = View(
        workload(
            problem="recipe",
            recipe=f"configs/imagenet/{file}",
            batch_size=64,
            max_steps=10,
            eval_every=5,
        )
    )
    configs = [
        trial_config(w, make_trial(name, settings, seed))
        for name, settings, seed in [("sgd", SETTINGS, 3), ("adan", {"learning_rate": 1e-3}, 4)]
    ]
    for config in configs:
        check(config, RunConfig)
        assert (config.total_steps, config.data.batch_size) == (10.0, 64)
        assert config.evals.val.every_steps == 5.0
    assert {key: configs[0].optim.default[key] for key in SETTINGS} == SETTINGS
    assert "momentum" not in configs[1].optim.default
    assert configs[0].optim.default.decay == configs[1].optim.default.decay
    assert [config.seed for config in configs] == [3, 4]
    assert [config.parallel.devices for config in configs] == [1, 1]  # of a CPU
    assert len(recipe_fingerprint(w)) == 16


def test_curves_of_a_run_that_broke_off():
    w = View(workload(problem="recipe", recipe="x.py", max_steps=6))
    rows = [
        {"step": 1, "train/loss": 3.0, "perf/step_ms": 10.0},
        {"step": 2, "val/loss": 2.0, "val/top1": 0.25},
        {"step": 3, "train/loss": 1.0, "perf/step_ms": 30.0},
        {"step": 4, "val/loss": None, "val/top1": 0.5},
    ]
    found = read_curves(w, rows)
    assert found.steps == [2, 4, 6]
    assert found.values["val/error"][0].tolist()[:2] == [0.75, 0.5]
    assert found.values["train/loss"][0].tolist()[:2] == [3.0, 1.0]
    assert np.isnan(found.values["val/loss"][0]).tolist() == [False, True, True]
    assert found.train_seconds_at == pytest.approx([0.04, 0.08, 0.12])
    with pytest.raises(UserError, match=r"x\.py evaluated nothing"):
        read_curves(w, rows[:1])


def test_a_task_without_classes_has_a_loss_and_no_error():
    w = View(workload(problem="recipe", recipe="x.py", max_steps=2))
    found = read_curves(w, [{"step": 2, "val/loss": 0.5, "train/loss": 1.0}])
    assert found.values["val/loss"][0].tolist() == [0.5]
    assert "val/error" not in found.values


RECIPE = {"problem": "recipe", "recipe": "configs/quickstart.py", "max_steps": 2, "eval_every": 1}


def test_a_key_that_is_added_later_begins_nothing_anew(monkeypatch, tmp_path):
    w = View(workload(**RECIPE))
    now, before = recipe_fingerprint(w), former_fingerprint(w)
    other = View(workload(**{**RECIPE, "batch_size": 8}))
    assert recipe_fingerprint(other) != now  # what the recipe sets counts

    @dataclasses.dataclass
    class Later(RunConfig):
        added: int = 3

    def load_later(spec, overrides, schema):
        config = load(spec, overrides, RunConfig)
        with config.unlocked():
            config.added = 3
        return config

    monkeypatch.setattr(recipes, "RunConfig", Later)
    monkeypatch.setattr(recipes, "load", load_later)
    assert "added" in recipe_config(w)
    assert recipe_fingerprint(w) == now
    assert former_fingerprint(w) != before
    monkeypatch.undo()
    # a run that a revision before has begun is continued where it is
    trial = make_trial("sgd", SETTINGS, 3)
    assert _folder_of(w, trial, tmp_path) == tmp_path / trial.key(now)
    (tmp_path / trial.key(before)).mkdir()
    assert _folder_of(w, trial, tmp_path) == tmp_path / trial.key(before)


def test_rows_of_a_revision_before_count():
    opened = open_workload("quick", View(workload(**RECIPE)), None)
    assert as_in_rows([opened], []) == [opened]
    (former,) = as_in_rows([opened], [dict(opened.former)])
    assert former.identity == opened.former != opened.identity
    both = [dict(opened.former), dict(opened.identity)]
    assert as_in_rows([opened], both) == [opened]


TINY = """
import effjax


def get_config():
    config = effjax.default_config()
    config.total_steps = 10.0
    config.model.update(name="vit_tiny_patch16_224", patch_size=8, width=16, heads=2, depth=1)
    config.data.update(name="synthetic", image_size=16, batch_size=8)
    config.data.update(synthetic_examples=32, synthetic_classes=2)
    config.evals.val.every_steps = 2.0
    config.log.update(tensorboard=False, curves=False)
    return config
"""


@pytest.mark.slow
def test_lengths_share_their_stable_phase_and_are_what_they_are_alone(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    config = empty_config()
    config.workloads.tiny = workload(
        problem="recipe",
        recipe=str(tmp_path / "tiny.py"),
        batch_size=8,
        max_steps=20,
        eval_every=2,
        schedule="wsd",
        warmup_percent=10.0,
    )
    config.optimizers.adamw = optimizer(name="adamw", learning_rate=1e-3)
    config.tuning.update(protocol="defaults", seeds=(3,), lengths=(1.0, 0.5))
    check(config, BenchConfig)
    view = View(config)
    short, long = make_trials("adamw", view.optimizers.adamw, view.tuning, "wsd")
    assert [trial.settings["length"] for trial in (short, long)] == [0.5, 1.0]
    w = view.workloads.tiny
    quiet = choose_display(quiet=True)
    shared = tmp_path / "shared"
    together = [run_recipe(w, trial, shared, quiet) for trial in (short, long)]
    assert [curves.steps[-1] for curves in together] == [10, 20]
    (run,) = shared.iterdir()  # one folder, and in it the shorter run as it was
    assert (run / "until-10").is_dir()
    for trial, curves in zip((short, long), together):
        alone = run_recipe(w, trial, tmp_path / f"alone{trial.settings['length']}", quiet)
        assert alone.steps == curves.steps
        for name, values in alone.values.items():
            np.testing.assert_array_equal(values, curves.values[name])
    # a row that was lost is read from the folder of the shorter run
    again = run_recipe(w, short, shared, quiet)
    np.testing.assert_array_equal(again.values["val/loss"], together[0].values["val/loss"])


def test_lengths_have_keys_of_their_own():
    short, other = (make_trial("sgd", SETTINGS | length, 0) for length in ({"length": 0.5}, {}))
    assert short.key("x") != other.key("x") == short.trunk().key("x")
    assert short.arguments == SETTINGS


def test_a_probe_has_an_error_and_no_loss():
    w = View(workload(problem="recipe", recipe="x.py", max_steps=2, metric="val/probe_error"))
    found = read_curves(w, [{"step": 2, "val/probe_top1": 0.75, "train/loss": 1.0}])
    assert found.values["val/probe_error"][0].tolist() == [0.25]
    assert "val/loss" not in found.values
