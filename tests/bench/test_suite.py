"""The suite as a user meets it: rows, a kill, mistakes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from effjax.bench import BenchConfig
from effjax.bench.results import RESULTS, read_rows
from effjax.bench.suite import check_config
from effjax.config import View, check, load
from effjax.errors import UserError
from effjax.report import Display
from tests.bench.configs import curves, run, small_config


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


@pytest.mark.slow
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


def test_lengths_need_a_stable_phase():
    config = small_config()
    config.tuning.lengths = (0.5, 1.0)
    with pytest.raises(UserError, match=r"lengths is of recipes; config\.workloads\.easy is a"):
        check_config(View(config))
    config.workloads.easy.update(problem="recipe", schedule="cosine")
    with pytest.raises(UserError, match="schedule 'cosine' share no stable phase"):
        check_config(View(config))
    config.workloads.easy.schedule = "wsd"
    check_config(View(config))


def test_a_new_target_trains_nothing(finished, tmp_path):
    text = (finished / RESULTS).read_text()
    (tmp_path / RESULTS).write_text(text)
    config = small_config()
    config.workloads.easy.target = 1e-9
    run(config, tmp_path)
    assert (tmp_path / RESULTS).read_text() == text
    assert "miss" in (tmp_path / "times.csv").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c, "workloads", {}), "config.workloads is empty"),
        (lambda c: setattr(c, "reference", "adam"), "did you mean 'adamw'"),
        (lambda c: setattr(c.optimizers.sgd, "name", "sdg"), "did you mean 'sgd'"),
        (lambda c: c.optimizers.sgd.update(momentom=0.9), "did you mean 'momentum'"),
        (lambda c: setattr(c.workloads.easy, "problem", "quadratics"), "did you mean 'quadratic'"),
        (
            lambda c: setattr(c.workloads.easy, "max_steps", 0),
            r"easy.max_steps = 0 is out of range",
        ),
        (lambda c: setattr(c.tuning, "seeds", ()), "there are none; give at least one"),
        (lambda c: setattr(c, "baselines", ("nowhere",)), "no results at nowhere"),
    ],
)
def test_mistakes(change, message, tmp_path):
    config = small_config()
    with config.unlocked():
        change(config)
    with pytest.raises(UserError, match=message):
        run(config, tmp_path)


def test_numbers_have_ranges(tmp_path):
    for section, key, value in [
        ("tuning", "factors", (0.0,)),
        ("tuning", "trials", 0),
        ("tuning", "seeds", (2**31,)),
        ("population", "most", 0),
        ("population", "memory_percent", 0.0),
        ("workloads.easy", "label_smoothing", 1.0),
        ("workloads.easy", "warmup_percent", 101.0),
        ("workloads.easy", "metric", "val/top1"),
        ("optimizers.sgd", "learning_rate", 0.0),
        ("optimizers.sgd", "weight_decay", -1.0),
    ]:
        config = small_config()
        target = config
        for name in section.split("."):
            target = target[name]
        target[key] = value
        with pytest.raises(UserError, match=key):
            run(config, tmp_path)


def test_every_bench_config_can_be_read():
    """smoke, cpu and gpu: keys, optimizers and settings are checked, no data is read."""
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
    run(config, tmp_path, display=Display(), only=["sgd"])
    shown = capsys.readouterr().out
    assert "4 trials, 0 of them are there" in shown
    assert "report.html" in shown
