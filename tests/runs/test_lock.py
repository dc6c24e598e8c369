"""A second process on one workdir is refused while the first lives."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from effjax.errors import UserError
from effjax.runs import lock
from effjax.runs.lock import LOCK, RunLock

HOLD = """
import pathlib, sys, time
from effjax.runs.lock import RunLock
RunLock(pathlib.Path(sys.argv[1])).__enter__()
print("held", flush=True)
time.sleep(60)
"""


def test_the_second_is_refused_and_the_next_is_not(tmp_path):
    workdir = tmp_path / "run"
    with RunLock(workdir), pytest.raises(UserError) as caught:
        RunLock(workdir).__enter__()
    message = str(caught.value)
    assert f"another process is writing to {workdir} (process {os.getpid()} on" in message
    assert message.endswith("\nwait until it ends, or give another --workdir")
    with RunLock(workdir):
        (workdir / "row").touch()
    assert [path.name for path in workdir.iterdir()] == ["row"]


def test_folders_that_it_made_and_nobody_used_go_again(tmp_path):
    with RunLock(tmp_path / "a/b/run"):
        assert (tmp_path / "a/b/run" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_dies_with_its_process(tmp_path):
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=rf"\(process {other.pid} on {socket.gethostname()}\)"):
            RunLock(tmp_path).__enter__()
        other.kill()
        other.wait()
        with RunLock(tmp_path):
            pass


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lock, "SILENT_SECONDS", 0.4)


def write_owner(path, beats):
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7, "beats": beats}))


def test_an_owner_on_another_machine_that_counts_is_alive(tmp_path, quick):
    """As on a shared file system that grants flock on each machine by itself."""
    write_owner(tmp_path / LOCK, 1)
    over = threading.Event()

    def count():
        beats = 1
        while not over.wait(0.05):
            beats += 1
            write_owner(tmp_path / LOCK, beats)

    thread = threading.Thread(target=count)
    thread.start()
    warnings = []
    try:
        with pytest.raises(UserError, match=r"\(process 7 on elsewhere\)"):
            RunLock(tmp_path, warnings.append).__enter__()
    finally:
        over.set()
        thread.join()
    assert "was in use on elsewhere; waiting 0.4 s" in warnings[0]


def test_an_owner_on_another_machine_that_is_silent_is_dead(tmp_path, quick):
    write_owner(tmp_path / LOCK, 1)
    since = time.monotonic()
    with RunLock(tmp_path, lambda line: None):
        assert time.monotonic() - since > 0.3
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_a_bucket_knows_no_locks_but_the_next_one_is_warned(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "is_remote", lambda place: True)
    warnings = []
    with RunLock(tmp_path, warnings.append):
        assert warnings == []
        with RunLock(tmp_path, warnings.append):
            (warning,) = warnings
    assert f"process {os.getpid()} on {socket.gethostname()} began to write to" in warning
    assert not (tmp_path / LOCK).exists()
