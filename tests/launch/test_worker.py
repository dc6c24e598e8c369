"""What a worker does with what it was sent."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "launch"))

from tpu.bundle import Bundle, code_files, environment_hash, hash_of  # noqa: E402


@pytest.fixture
def worker(tmp_path):
    """A home with a bundle in it, programs of its own on the PATH, and `worker.py`."""
    home, bin_ = tmp_path / "home", tmp_path / "bin"
    incoming = home / ".effjax/incoming"
    incoming.mkdir(parents=True)
    bin_.mkdir()
    for name in Bundle("r1", ["true"]).write(incoming):
        if name.endswith("worker.py"):
            shutil.copy(name, incoming)
    environment = {"HOME": str(home), "PATH": f"{bin_}:/usr/bin:/bin"}

    def call(*arguments):
        words = [sys.executable, str(incoming / "worker.py"), *arguments]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    call.home, call.bin = home / ".effjax", bin_
    return call


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


FAKE_PYTHON = """
echo "$0 $@" >> "$HOME/calls"
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi
"""


def test_the_environment_is_made_once_for_each_state_of_the_pins(worker):
    program(worker.bin / "python3.12", FAKE_PYTHON)
    for _ in range(2):
        assert worker("prepare", "r1").returncode == 0
    calls = (worker.home.parent / "calls").read_text().splitlines()
    assert len(calls) == 2  # venv, pip
    code = worker.home / "code" / hash_of(code_files())
    assert calls[1].endswith(f"-m pip install -q -e {code}[tpu,gcs] -c {code}/constraints.txt")
    assert (worker.home / "venvs" / environment_hash("tpu,gcs") / ".ready").exists()
    assert environment_hash("tpu,gcs") != environment_hash("tpu")


def test_an_environment_that_was_not_finished_is_made_afresh(worker):
    program(worker.bin / "python3.12", FAKE_PYTHON + '[ "$3" != install ] || exit 1')
    assert worker("prepare", "r1").returncode != 0
    venv = worker.home / "venvs" / environment_hash("tpu,gcs")
    assert not (venv / ".ready").exists()
    program(worker.bin / "python3.12", FAKE_PYTHON)
    (venv / "left-over").touch()
    assert worker("prepare", "r1").returncode == 0
    assert not (venv / "left-over").exists()


def test_a_python_that_is_too_old_is_helped_by_uv(worker):
    """The VM images come with Python 3.10."""
    program(worker.bin / "python3.12", "exit 9")
    (worker.bin / "python3.12").unlink()
    if any(shutil.which(name, path="/usr/bin:/bin") for name in ("python3.11", "python3.12")):
        pytest.skip("this machine's own Python is new enough")
    program(worker.bin / "uv", 'echo "$@" >> "$HOME/calls"\n[ "$1" = pip ] || mkdir -p "$5/bin"')
    assert worker("prepare", "r1").returncode == 0
    calls = (worker.home.parent / "calls").read_text().splitlines()
    assert calls[0].startswith("venv -q --python 3.12 ")
    assert "[tpu,gcs] -c " in calls[1]


def test_the_code_is_what_git_lists(worker):
    program(worker.bin / "python3.12", FAKE_PYTHON)
    worker("prepare", "r1")
    code = worker.home / "code" / hash_of(code_files())
    assert (code / "effjax/__init__.py").read_bytes() == (ROOT / "effjax/__init__.py").read_bytes()
    assert not (code / ".git").exists()


def test_a_run_is_started_once(worker):
    spec = {
        "command": ["sh", "-c", "echo $EFFJAX_RUN; exit 4"],
        "env": {},
        "code": "c",
        "venv": "v",
    }
    (worker.home / "incoming/r2.json").write_text(json.dumps(spec))
    (worker.home / "code/c").mkdir(parents=True)
    for _ in range(2):
        assert worker("start", "r2").returncode == 0
    assert worker("logs", "r2", "0").stdout == "r2\n"
    said = worker("status").stdout
    assert json.loads(said.removeprefix("effjax-worker ")) == {
        "run": "r2",
        "state": "exited",
        "code": 4,
        "worker": os.uname().nodename,
        "command": spec["command"],
    }


def test_a_run_whose_machine_went_away_is_lost(worker):
    folder = worker.home / "runs/r3"
    folder.mkdir(parents=True)
    (folder / "started").touch()
    (folder / "pid").write_text("999999999")
    assert '"state": "lost"' in worker("status", "r3").stdout
    assert '"state": "absent"' in worker("status", "never").stdout
