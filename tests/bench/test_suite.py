"""The suite as a user meets it: rows, failures, a kill, merging, the report."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from effjax.bench import BenchConfig, bench, empty_config, optimizer, workload
from effjax.bench.results import RESULTS, read_rows
from effjax.bench.schema import OptimizerConfig, TuningConfig
from effjax.bench.tuning import settings_of
from effjax.config import View, check, to_config
from effjax.errors import UserError
from effjax.report import Display
from effjax.report.progress import Quiet


def small_workload():
    return workload(
        problem="quadratic",
        model={"dim": 6, "condition": 10.0, "noise": 0.01, "rotated": False},
        metric="val/loss",
        target=2.0,
        max_steps=20,
        eval_every=5,
    )


def small_config(**optimizers):
    config = empty_config()
    config.workloads.easy = small_workload()
    config.optimizers.update(
        adamw=optimizer(name="adamw", learning_rate=0.1),
        sgd=optimizer(name="sgd", learning_rate=0.3),
        **optimizers,
    )
    config.tuning.update(factors=(0.3, 1.0), seeds=(0, 1))
    config.population.update(mode="vmap", update_cost=False)
    return config


def run(config, folder, **arguments):
    return bench(config, folder, display=Quiet(), **arguments)


def curves(folder):
    """What must not depend on how often a run was interrupted."""
    return {row["key"]: (row["status"], row["values"]) for row in read_rows(folder)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "all"
    run(small_config(), folder)
    return folder


def test_rows_and_report(finished):
    rows = read_rows(finished)
    assert len(rows) == 8
    assert {row["status"] for row in rows} == {"done"}
    assert len({row["workload_hash"] for row in rows}) == 1
    page = (finished / "report.html").read_text()
    assert "<svg" in page
    assert "adamw" in page
    # self-contained: nothing is fetched; the names of XML spaces are no addresses
    assert "src=" not in page
    assert 'rel="stylesheet"' not in page
    assert "## Scores" in (finished / "report.md").read_text()
    assert (finished / "rows.csv").read_text().count("\n") == 9
    assert (finished / "times.csv").read_text().startswith("optimizer,easy")


def test_the_rest_after_a_cut(finished, tmp_path):
    """Killed in the middle of a line: what is missing is made again, the table is the same."""
    text = (finished / RESULTS).read_text().splitlines(keepends=True)
    (tmp_path / RESULTS).write_text("".join(text[:3]) + text[3][:100])
    run(small_config(), tmp_path)
    assert curves(tmp_path) == curves(finished)
    before = (tmp_path / "times.csv").read_text()
    assert before == (finished / "times.csv").read_text()


def test_only_and_merge(finished, tmp_path):
    run(small_config(), tmp_path / "a", only=["adamw"])
    assert {row["optimizer"] for row in read_rows(tmp_path / "a")} == {"adamw"}
    run(small_config(), tmp_path / "a", merge=[finished], only_report=True)
    assert curves(tmp_path / "a") == curves(finished)
    # a baseline is compared with and not copied
    config = small_config()
    config.baselines = (str(finished),)
    run(config, tmp_path / "b", only_report=True)
    assert read_rows(tmp_path / "b") == []
    assert "sgd" in (tmp_path / "b/scores.csv").read_text()


def test_what_fails_is_a_row(tmp_path):
    config = small_config(
        wild=optimizer(name="sgd", learning_rate=1e12),
        lost=optimizer(name="dpsgd", l2_norm_clip=1.0, noise_multiplier=1.0),
    )
    run(config, tmp_path)
    every = read_rows(tmp_path)
    rows = {n: [r for r in every if r["optimizer"] == n] for n in ("wild", "lost")}
    assert {row["status"] for row in rows["wild"]} == {"diverged"}
    assert rows["wild"][0]["reason"].startswith("not finite at step")
    for row in rows["wild"]:  # nothing counts from there on, an error that came out as 0 least
        ends = {column.index(None) for column in row["values"].values()}
        assert len(ends) == 1
        assert f"step {row['steps'][min(ends)]} " in row["reason"]
        assert all(v is None for c in row["values"].values() for v in c[min(ends) :])
    assert {row["status"] for row in rows["lost"]} == {"failed"}
    assert "Trials that diverged or raised" in (tmp_path / "report.md").read_text()
    assert "4/4" in (tmp_path / "scores.csv").read_text()


def test_targets_from_rows(finished, tmp_path):
    from effjax.bench import use_targets

    config = small_config()
    config.targets_from = ("adamw", "sgd")
    path = tmp_path / "targets.json"
    run(config, finished, only_report=True, make_targets=path)
    target = json.loads(path.read_text())["targets"]["easy"]["target"]
    use_targets(config.workloads, path)
    assert config.workloads.easy.target == target > 0
    with pytest.raises(UserError, match="cannot be read"):
        use_targets(config.workloads, tmp_path / "none.json")
    config.targets_from = ("lion",)
    with pytest.raises(UserError, match="no finished trial of lion"):
        run(config, finished, only_report=True, make_targets=path)


def test_a_new_target_trains_nothing(finished, tmp_path):
    text = (finished / RESULTS).read_text()
    (tmp_path / RESULTS).write_text(text)
    config = small_config()
    config.workloads.easy.target = 1e-9
    run(config, tmp_path)
    assert (tmp_path / RESULTS).read_text() == text
    assert "miss" in (tmp_path / "times.csv").read_text()


def test_trained_again(finished, tmp_path):
    """The same curves; and a row that somebody has changed is found."""
    lines = (finished / RESULTS).read_text().splitlines()
    row = json.loads(lines[0])
    row["values"]["val/loss"][1] += 0.5
    (tmp_path / RESULTS).write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    run(small_config(), tmp_path, only_report=True, again=True)
    found = json.loads((tmp_path / "repeats.json").read_text())
    assert [entry["difference"] for entry in found] == [pytest.approx(0.5), 0.0]
    assert "## The same again" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c, "workloads", {}), "config.workloads is empty"),
        (lambda c: setattr(c, "reference", "adam"), "did you mean 'adamw'"),
        (lambda c: setattr(c.optimizers.sgd, "name", "sdg"), "did you mean 'sgd'"),
        (lambda c: c.optimizers.sgd.update(momentom=0.9), "did you mean 'momentum'"),
        (lambda c: setattr(c.workloads.easy, "problem", "quadratics"), "did you mean 'quadratic'"),
        (lambda c: setattr(c.workloads.easy, "max_steps", 0), "give 1 or more"),
        (lambda c: setattr(c.tuning, "seeds", ()), "seeds is empty"),
        (lambda c: setattr(c, "baselines", ("nowhere",)), "no results at nowhere"),
    ],
)
def test_mistakes(change, message, tmp_path):
    config = small_config()
    with config.unlocked():
        change(config)
    with pytest.raises(UserError, match=message):
        run(config, tmp_path)


def test_random_protocol_gives_all_the_same_points():
    tuning = to_config(TuningConfig)
    tuning.update(protocol="random", trials=5)
    found = {}
    rates = {"adamw": 1e-3, "sgd": 0.1}
    for name, rate in rates.items():
        entry = to_config(OptimizerConfig)
        entry.update(name=name, learning_rate=rate)
        found[name] = settings_of(name, View(entry), View(tuning))
    factors = [[s["learning_rate"] / rates[n] for s in found[n]] for n in rates]
    assert factors[0] == pytest.approx(factors[1], rel=1e-4)
    assert all(0.5 <= s["b1"] <= 0.98 for s in found["adamw"])
    assert all("b1" not in s for s in found["sgd"])


def test_every_bench_config_can_be_read():
    """smoke, cpu and gpu: keys, optimizers and settings are checked, no data is read."""
    from effjax.bench.suite import check_config
    from effjax.config import load

    for name in ("smoke", "smoke:quick", "cpu", "cpu:quick", "gpu", "gpu:quick"):
        path, _, argument = name.partition(":")
        spec = f"configs/bench/{path}.py" + (f":{argument}" if argument else "")
        config = load(spec, [], BenchConfig)
        check(config, BenchConfig)
        check_config(View(config))


@pytest.mark.slow
def test_killed_for_real(tmp_path):
    """kill -9 in the middle and rerun: the same table."""
    command = [sys.executable, "-m", "effjax", "bench", "--config=configs/bench/smoke.py:quick"]
    command += ["--config.population.mode=vmap"]
    subprocess.run([*command, f"--workdir={tmp_path}/whole"], check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, f"--workdir={tmp_path}/cut"], stdout=subprocess.DEVNULL, start_new_session=True
    )
    results = tmp_path / "cut" / RESULTS
    until = time.monotonic() + 120
    while not (results.exists() and results.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(read_rows(tmp_path / "cut"))
    assert 0 < kept < len(read_rows(tmp_path / "whole"))
    subprocess.run([*command, f"--workdir={tmp_path}/cut"], check=True, capture_output=True)
    assert curves(tmp_path / "cut") == curves(tmp_path / "whole")
    tables = [(tmp_path / name / "times.csv").read_text() for name in ("cut", "whole")]
    assert tables[0] == tables[1]


def test_display_lines(capsys, tmp_path):
    config = small_config()
    bench(config, tmp_path, display=Display(), only=["sgd"])
    shown = capsys.readouterr().out
    assert "4 trials, 0 of them are there" in shown
    assert "report.html" in shown
