"""Hosts join JAX with all their devices, and a mistake is status 1."""

import socket
import subprocess
import sys

import jax
import pytest

from effjax.devices import join
from effjax.devices.hosts import Hosts
from effjax.errors import UserError


@pytest.fixture
def initialized(monkeypatch):
    """What jax.distributed.initialize is called with, and what jax.config is set to."""
    calls = {}
    monkeypatch.setattr(jax.distributed, "initialize", lambda *a, **k: calls.update(k, args=a))
    monkeypatch.setattr(jax.config, "update", calls.__setitem__)
    return calls


def test_one_process_a_node_takes_all_of_its_gpus(initialized, monkeypatch):
    for key, value in {"NTASKS": "2", "LOCALID": "0", "STEP_NODELIST": "node[1-2]"}.items():
        monkeypatch.setenv(f"SLURM_{key}", value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    join._initialize(Hosts(0, 2, None, "SLURM"), 3, 3)
    assert initialized["local_device_ids"] is None
    assert initialized["jax_cuda_visible_devices"] == "all"


def test_several_processes_of_a_node_share_its_gpus(initialized, monkeypatch):
    monkeypatch.setenv("SLURM_TASKS_PER_NODE", "2(x2)")
    monkeypatch.setenv("SLURM_LOCALID", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    join._initialize(Hosts(1, 4, None, "SLURM"), 3, 3)
    assert initialized["local_device_ids"] == [2, 3]
    assert "jax_cuda_visible_devices" not in initialized


def test_an_address_from_flags_asks_no_cluster(initialized):
    join._initialize(Hosts(1, 2, "10.0.0.1:1234", "flags"), 3, 5)
    assert initialized["args"] == ("10.0.0.1:1234", 2, 1)
    assert initialized["cluster_detection_method"] == "deactivate"
    assert initialized["heartbeat_timeout_seconds"] == 5


@pytest.mark.parametrize(
    ("index", "message"),
    [(0, "within 1 s: missing: host 1\n"), (1, "within 1 s: Connection refused\n")],
)
def test_a_host_that_never_comes(index, message, initialized, capfd):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UserError) as caught:
        join.join_hosts(f"127.0.0.1:{port}", 2, index, join_seconds=1)
    assert str(caught.value).endswith(message + join.HINT)
    assert not initialized
    assert "effjax:" not in capfd.readouterr().err  # the watchdog keeps silent


KILLED = """
import os
from effjax.devices.join import watch
watch("it died")
os.kill(os.getpid(), 9)
"""


def test_the_watchdog_reports_a_process_that_was_killed():
    words = [sys.executable, "-c", KILLED]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (-9, "it died\n")
