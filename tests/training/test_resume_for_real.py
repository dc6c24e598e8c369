"""The quickstart with all that draws, in processes of its own: stopped, killed, continued."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from effjax.runs.metrics import read_rows
from tests.one_device import one_device

EVERYTHING = [
    "--config=configs/quickstart.py:quick",
    "--config.total_steps=16",
    "--config.checkpoint.every_epochs=None",
    "--config.checkpoint.every_steps=3",
    "--config.evals.val.every_steps=6",
    "--config.log.every_steps=1",
    "--config.accumulate=2",
    "--config.ema.decay=0.99",
    "--config.mix.mixup=0.8",
    "--config.mix.cutmix=1.0",
    "--config.mix.label_smoothing=0.1",
    "--config.mix.erase_prob=0.25",
    "--config.model.drop_path_rate=0.2",
    "--config.model.head_dropout=0.3",
    "--config.model.dims=(16,16,32,32)",
    "--config.data.cache=None",
]


def command(workdir, *more):
    return [sys.executable, "-m", "effjax", "train", *EVERYTHING, f"--workdir={workdir}", *more]


def start(workdir, *more):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(workdir, *more), env=one_device(), **pipes)


def finish(workdir, *more):
    process = start(workdir, *more)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def numbers(workdir):
    rows = read_rows(workdir)
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in rows]


def wait_for_step(workdir, step, process):
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if any(row["step"] >= step for row in read_rows(workdir)):
            return
        time.sleep(0.02)
    raise AssertionError(f"no step {step}: {process.communicate()[1]}")


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def gone(pids, within):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}/stat") and not is_zombie(pid)]
        if not alive:
            return True
        time.sleep(0.1)
    return False


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole")
    finish(workdir)
    return numbers(workdir)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_half_and_half_is_the_whole_to_the_bit(whole, tmp_path, workers):
    flag = f"--config.data.workers={workers}"
    process = start(tmp_path, flag)
    wait_for_step(tmp_path, 7, process)
    workers_of_it = children(process.pid)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 75, err
    assert "saved at step" in err
    assert gone(workers_of_it, within=5)
    assert "continuing" in finish(tmp_path, flag)
    assert numbers(tmp_path) == whole


@pytest.mark.slow
def test_killed_at_ten_random_moments(whole, tmp_path):
    draw = random.Random(0)
    for _ in range(10):
        process = start(tmp_path)
        seen = max((row["step"] for row in read_rows(tmp_path)), default=0)
        if draw.random() < 0.7:
            # in the middle of the run: within a few steps of where it was
            wait_for_step(tmp_path, min(15, seen + draw.randint(0, 1)), process)
        time.sleep(draw.uniform(0.0, 2.0))
        process.kill()
        process.communicate()
    finish(tmp_path)
    assert numbers(tmp_path) == whole


@pytest.mark.slow
def test_a_second_signal_stops_at_once(tmp_path):
    process = start(tmp_path, "--config.total_steps=100000")
    wait_for_step(tmp_path, 2, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in (75, 130)


@pytest.mark.slow
def test_a_resumed_run_compiles_nothing_anew(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(cache))
    process = start(tmp_path / "run")
    wait_for_step(tmp_path / "run", 7, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    before = sorted(path.name for path in cache.iterdir() if path.name.endswith("-cache"))
    assert before
    finish(tmp_path / "run")
    after = sorted(path.name for path in cache.iterdir() if path.name.endswith("-cache"))
    assert [name for name in after if name not in before] == []
