"""A sweep of runs of seconds: planned, trained, resumed, told."""

import json

import pytest

from effjax.config import call_config
from effjax.errors import UserError
from effjax.report.progress import Quiet
from effjax.sweep import Sweep, grid, make_plan, sweep
from effjax.sweep.outcome import paired_difference, read_results, verdict
from effjax.trials.worker import FAILED, write_failure
from tests.mistakes import QUICKSTART

VARIANTS = """

def sweep(arg=None):
    from effjax.sweep import Sweep
    return Sweep(
        {
            "base": {},
            "hot": {"optim.default.learning_rate": 0.1},
            "lost": {"model.mixers": ("pooling",) * 3},
        },
        seeds=(0, 1),
        metric="val/loss",
    )
"""


def write_config(folder, text=VARIANTS):
    path = folder / "tiny.py"
    path.write_text(QUICKSTART + text)
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    spec = write_config(folder)
    sweep(spec, folder / "runs", overrides=["--config.total_steps=2"], display=Quiet())
    return spec, folder / "runs"


@pytest.mark.slow
def test_runs_table_and_failures(trained):
    _, workdir = trained
    table = (workdir / "table.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in table] == ["variant", "base", "hot", "lost"]
    assert ",2/2," in table[1]
    assert ",0/2," in table[3]  # a variant that cannot be built is a row with its reason
    assert "mixers has 3 entries" in (workdir / "runs.csv").read_text()
    summary = json.loads((workdir / "base/seed0/summary.json").read_text())
    assert summary["step"] == 2
    assert json.loads((workdir / "hot/seed1/config.json").read_text())["config"]["seed"] == 1
    assert "<svg" in (workdir / "report.html").read_text()


@pytest.mark.slow
def test_again_trains_nothing_and_other_configs_are_refused(trained):
    spec, workdir = trained
    before = (workdir / "base/seed0/summary.json").stat().st_mtime_ns
    sweep(spec, workdir, overrides=["--config.total_steps=2"], display=Quiet())
    assert (workdir / "base/seed0/summary.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="made with another config"):
        sweep(spec, workdir, overrides=["--config.total_steps=3"], display=Quiet())


@pytest.mark.slow
def test_paired_differences(trained, tmp_path):
    spec, workdir = trained
    plan = make_plan(spec, ["--config.total_steps=2"], workdir)
    results = read_results(plan)
    values = {(r.trial.variant, r.trial.seed): r.value for r in results}
    found = paired_difference(plan, results, "hot")
    by_hand = [values["hot", s] - values["base", s] for s in (0, 1)]
    assert found.estimate == pytest.approx(sum(by_hand) / 2)
    assert found.low < found.estimate < found.high
    assert paired_difference(plan, results, "lost") is None
    assert verdict(None, "val/loss") == "-"


def test_names_of_points(tmp_path):
    text = """

def sweep(arg=None):
    from effjax.sweep import Sweep, grid
    names = {"optim.default.name": ["adan", "adamw"]}
    return Sweep(grid({**names, "optim.default.learning_rate": [0.1]}))
"""
    plan = make_plan(write_config(tmp_path, text), [], tmp_path)
    assert plan.variants == ["name=adan learning_rate=0.1", "name=adamw learning_rate=0.1"]
    assert plan.trials[0].workdir == tmp_path / "name=adan-learning_rate=0.1" / "seed0"
    assert plan.trials[4].config.optim.default.name == "adamw"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function sweep"),
        ("\ndef sweep():\n    return {}\n", "returned a dict"),
        (VARIANTS.replace("metric=", "base='bsae', metric="), "did you mean 'base'"),
        (VARIANTS.replace("learning_rate", "learning_rat"), None),
        (
            VARIANTS.replace("optim.default", "optm.default"),
            "variant 'hot': .*did you mean 'optim'",
        ),
        (VARIANTS.replace('"lost"', '"hot "'), "share a folder"),
        (VARIANTS.replace("(0, 1)", "()"), "has no seeds"),
    ],
)
def test_mistakes(tmp_path, text, message):
    spec = write_config(tmp_path, text)
    if message is None:  # an open section: found when the optimizer is made, and a row then
        assert make_plan(spec, [], tmp_path)
        return
    with pytest.raises(UserError, match=message):
        make_plan(spec, [], tmp_path)


def test_unknown_runner(tmp_path):
    with pytest.raises(UserError, match="expected one of here, local, ray"):
        sweep(write_config(tmp_path), tmp_path, runner="slurm", display=Quiet())


def test_optuna_needs_ray_and_ranges(tmp_path):
    spec = write_config(tmp_path)
    with pytest.raises(UserError, match="needs --runner=ray"):
        sweep(spec, tmp_path, search="optuna", display=Quiet())
    with pytest.raises(UserError, match="chooses from ranges"):
        sweep(spec, tmp_path, search="optuna", runner="ray", display=Quiet())
    with pytest.raises(UserError, match="expected one of none, optuna"):
        sweep(spec, tmp_path, search="optun", runner="ray", display=Quiet())


def test_what_was_chosen_is_kept(tmp_path):
    """Choices are numbers in [0, 1], written down before they are trained."""
    from effjax.sweep.verb import suggest

    text = """

def sweep(arg=None):
    from effjax.sweep import Sweep, halton, log
    return Sweep(halton({"optim.default.learning_rate": log(1e-4, 1e-2)}, 3), metric="val/loss")
"""
    spec = write_config(tmp_path, text)
    first = suggest(spec, [], tmp_path)
    assert (first.left(), len(first.plan().trials)) == (3, 1)  # the config as it is
    trial = first.add({"optim.default.learning_rate": 0.5})
    assert trial.config.optim.default.learning_rate == pytest.approx(1e-3)
    again = suggest(spec, [], tmp_path)
    assert again.plan().variants == ["as it is", "00 learning_rate=0.001"]
    write_failure(trial.workdir, "the disk was full")
    assert again.left() == 2


def test_a_failure_is_not_tried_again_unless_asked(tmp_path):
    text = VARIANTS.replace("(0, 1)", "(0,)")
    spec = write_config(tmp_path, text)
    workdir = tmp_path / "runs"
    plan = make_plan(spec, ["--config.total_steps=1"], workdir)
    for trial in plan.trials:
        write_failure(trial.workdir, "the disk was full")
    sweep(spec, workdir, overrides=["--config.total_steps=1"], display=Quiet())
    assert not (workdir / "base/seed0/summary.json").exists()
    assert "the disk was full" in (workdir / "report.md").read_text()
    assert (workdir / "base/seed0" / FAILED).exists()


def test_every_ablation_is_a_plan(tmp_path):
    """All variants of all files: keys and values are right, and quick ones can be built."""
    for name in ("mixers", "norms", "activations", "scales", "branches", "rates"):
        spec = f"configs/ablations/{name}.py"
        assert isinstance(call_config(spec, "sweep"), Sweep)
        plan = make_plan(spec, [], tmp_path)
        assert len(plan.trials) == 3 * len(plan.variants) >= 12
        for trial in plan.trials[::3]:
            _build_model(trial.config)


def _build_model(config):
    import jax
    import jax.numpy as jnp

    from effjax import create_model

    fields = {k: v for k, v in config.model.items() if k not in ("num_classes", "arch")}
    model = create_model(num_classes=10, **fields)
    shape = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert jax.tree.leaves(shape["params"])


def test_spaces_come_with_the_room():
    assert len(grid({"a": [1, 2]})) == 2


@pytest.mark.slow
def test_processes_of_this_machine(tmp_path):
    """The same runs in two processes: a crash of one is a row, the values are those of one."""
    spec = write_config(tmp_path)
    arguments = {"overrides": ["--config.total_steps=2"], "display": Quiet()}
    sweep(spec, tmp_path / "local", runner="local", workers=2, **arguments)
    table = (tmp_path / "local/table.csv").read_text().splitlines()
    assert ",2/2," in table[1]
    assert ",0/2," in table[3]
