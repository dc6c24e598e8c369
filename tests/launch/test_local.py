"""Two processes on this machine train together: the same numbers, one notice, one death."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.run import restore

LAUNCH = [sys.executable, "launch/local.py", "--processes=2", "--devices-per-process=4"]
CONFIG = "--config=tests/training/tiny.py:caformer,all"


def train(workdir, *more):
    return [sys.executable, "-m", "effjax", "train", CONFIG, f"--workdir={workdir}", *more]


def environment():
    """What the processes inherit: the compiled programs, and 8 devices for one alone."""
    return os.environ | {"PYTHONPATH": os.getcwd()}


def start(command, grace=40):
    """The job as a process whose lines are read from one pipe."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    launch = [*LAUNCH, f"--grace={grace}", "--", *command]
    return subprocess.Popen(launch, env=environment(), **pipes)


def finish(process, status=0, timeout=300):
    out, _ = process.communicate(timeout=timeout)
    assert process.returncode == status, out
    return out


def numbers(workdir):
    rows = read_rows(workdir)
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in rows]


def parameters(workdir):
    _, state = restore(workdir, choose_display(quiet=True), devices=1)
    return jax.tree.leaves(jax.device_get(state.params))


def assert_same_run(workdir, other, limit=1e-5):
    """Rows, and parameters at the end: the largest difference over the largest parameter."""
    ours, theirs = numbers(workdir), numbers(other)
    assert [row.keys() for row in ours] == [row.keys() for row in theirs]
    for one, another in zip(ours, theirs):
        for name, value in another.items():
            assert one[name] == pytest.approx(value, rel=1e-4, abs=1e-4), (name, another["step"])
    pairs = list(zip(parameters(workdir), parameters(other), strict=True))
    largest = max(np.abs(theirs).max() for _, theirs in pairs)
    assert max(np.abs(ours - theirs).max() for ours, theirs in pairs) < limit * largest


def wait_for_step(workdir, step, process):
    deadline = time.monotonic() + 250
    while time.monotonic() < deadline and process.poll() is None:
        if any(row["step"] >= step for row in read_rows(workdir)):
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0])


def pids(process):
    """The two training processes of a job, by their number."""
    found = {}
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        text = Path(f"/proc/{child}/environ").read_bytes()
        found[int(re.search(rb"JAX_PROCESS_ID=(\d)", text)[1])] = int(child)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One process with one device."""
    workdir = tmp_path_factory.mktemp("alone")
    subprocess.run(train(workdir, "--config.parallel.devices=1"), env=environment(), check=True)
    return workdir


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Two processes with four devices each, which nobody disturbs; and what they say."""
    workdir = tmp_path_factory.mktemp("together")
    return workdir, finish(start(train(workdir)))


@pytest.mark.slow
def test_two_processes_train_as_one(alone, together):
    workdir, out = together
    assert "[1] host 1 of 2 (flags): waiting for the others at 127.0.0.1:" in out
    assert "(limit 300 s)" in out
    assert "[0] done" in out
    assert "[1] done" not in out
    assert_same_run(workdir, alone)
    assert json.loads((workdir / "summary.json").read_text())["step"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--config.parallel.fsdp=8", "--config.parallel.mode=pmap"])
def test_two_processes_train_as_one_in_other_ways(alone, tmp_path, way):
    finish(start(train(tmp_path, way)))
    assert_same_run(tmp_path, alone)


@pytest.mark.slow
def test_a_notice_to_one_stops_both_and_one_process_continues(together, tmp_path):
    process = start(train(tmp_path))
    wait_for_step(tmp_path, 3, process)
    os.kill(pids(process)[1], signal.SIGTERM)
    out = finish(process, status=75)
    step = int(re.search(r"SIGTERM: saved at step (\d+); the same command continues", out)[1])
    assert out.count(f"saved at step {step};") == 2
    assert (tmp_path / "checkpoints" / str(step)).is_dir()
    subprocess.run(train(tmp_path), env=environment(), check=True)
    assert_same_run(tmp_path, together[0], limit=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_dies_the_other_ends_and_both_continue(alone, tmp_path, victim):
    process = start(train(tmp_path, "--peer-seconds=10", "--config.total_steps=20"))
    wait_for_step(tmp_path, 12, process)
    os.kill(pids(process)[victim], signal.SIGKILL)
    since = time.monotonic()
    out = finish(process, status=137)
    assert time.monotonic() - since < 35
    assert f"process {victim} was ended by SIGKILL; the others end by themselves" in out
    other = 1 - victim
    assert f"[{other}] effjax: host {other} of 2 was ended from outside, or JAX ended it" in out
    finish(start(train(tmp_path)))
    assert_same_run(tmp_path, alone)


@pytest.mark.slow
def test_a_host_that_nobody_joins_gives_up(tmp_path):
    flags = ["--coordinator=127.0.0.1:1", "--hosts=2", "--host=1", "--join-seconds=3"]
    done = subprocess.run(
        train(tmp_path, *flags), env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "host 1 of 2 did not find the others at 127.0.0.1:1 within 3 s" in done.stderr
    assert "does a firewall close the port of host 0?" in done.stderr
    assert not (tmp_path / "config.json").exists()


def test_the_job_has_the_status_of_the_first_to_fail():
    code = "import os, sys, time; i = int(os.environ['JAX_PROCESS_ID']); print('I am', i);"
    for ending, status in (("", 0), ("sys.exit(75)", 75), ("i and sys.exit(3)", 3)):
        out = finish(start([sys.executable, "-c", f"{code} {ending}"]), status)
        assert "[0] I am 0\n" in out
        assert "[1] I am 1\n" in out
    out = finish(start([sys.executable, "-c", f"{code} time.sleep(99 * i); sys.exit(2)"], 0.5), 2)
    assert "process 0 ended with status 2; the others end by themselves within 0.5 s" in out


def test_what_is_no_command_is_said():
    out = finish(start(["efjax", "train"]), status=2)
    assert "'efjax' is not a command here" in out


def children_of(marker):
    """Processes whose environment holds the marker, but for this one's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
def test_a_notice_at_the_start_leaves_no_process(delay, tmp_path):
    """The handlers are there before the first process is, and each process is in a group."""
    marker = f"LEFT_BEHIND={tmp_path}"
    code = "import subprocess, time; subprocess.Popen(['sleep', '99']); time.sleep(99)"
    launch = [sys.executable, "launch/local.py", "--processes=9", "--", sys.executable, "-c", code]
    environment = os.environ | {"LEFT_BEHIND": str(tmp_path)}
    process = subprocess.Popen(launch, env=environment, stdout=subprocess.DEVNULL)
    while len(children_of(marker.encode())) < 2 and process.poll() is None:
        time.sleep(0.001)  # until the first process is there
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert children_of(marker.encode()) == []
