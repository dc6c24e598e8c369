"""Several hosts train together: how they find each other, what one tells the others.

A host is one process with devices of its own. Whether there are others is read from flags, from
JAX's own variables, or from what SLURM, GKE and Cloud TPU say of themselves. JAX aborts a process
(status 134) when another one dies, before any Python could say why: a small process beside each
host, its watchdog, outlives it and says it.
"""

import atexit
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.errors import UserError

JOIN_SECONDS = 300
PEER_SECONDS = 100
TOLD_BYTES = 4096  # of JSON that one host can tell the others


@dataclass(frozen=True)
class Hosts:
    """Where this process stands among those that train together.

    Attributes:
      index, count: this host is number `index` of `count`, from 0.
      coordinator: "address:port" of host 0; None: JAX asks the cluster.
      known_from: who says so, in words.
    """

    index: int
    count: int
    coordinator: str | None
    known_from: str


def find_hosts(
    environment: Mapping[str, str],
    coordinator: str | None = None,
    count: int | None = None,
    index: int | None = None,
    ask_tpu: Callable[[str], str | None] | None = None,
) -> Hosts | None:
    """What flags, or else the environment, say of other hosts; None: this one trains alone.

    Args:
      environment: as `os.environ`.
      coordinator, count, index: the flags --coordinator, --hosts and --host.
      ask_tpu: name of a metadata attribute of a Cloud TPU VM -> its value, or None.

    Raises:
      UserError: some flags without the others, or an impossible number.
    """
    coordinator = coordinator or environment.get("JAX_COORDINATOR_ADDRESS")
    count = _number("--hosts", count, environment, "JAX_NUM_PROCESSES")
    index = _number("--host", index, environment, "JAX_PROCESS_ID")
    if None not in (coordinator, count, index):
        if ":" not in coordinator:
            raise UserError(f"--coordinator={coordinator} has no port; give ADDRESS:PORT of host 0")
        if not 0 <= index < count:
            raise UserError(f"--host={index} of --hosts={count}; expected 0 to {count - 1}")
        return Hosts(index, count, coordinator, "flags") if count > 1 else None
    if (coordinator, count, index) != (None, None, None):
        raise UserError(
            "several hosts need three flags: --coordinator=ADDRESS:PORT of host 0, --hosts=N,\n"
            "and --host=0 ... N-1 on each (or JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES, "
            "JAX_PROCESS_ID)"
        )
    slurm = [environment.get(f"SLURM_{key}") for key in ("PROCID", "NTASKS", "STEP_NODELIST")]
    if all(slurm) and int(slurm[1]) > 1:
        return Hosts(int(slurm[0]), int(slurm[1]), None, "SLURM")
    workers = environment.get("TPU_WORKER_HOSTNAMES", "").split(",")
    slices = int(environment.get("MEGASCALE_NUM_SLICES") or 1)
    if len(workers) * slices > 1 and "TPU_WORKER_ID" in environment:
        slice_ = int(environment.get("MEGASCALE_SLICE_ID") or 0)
        worker = int(environment["TPU_WORKER_ID"]) + slice_ * len(workers)
        return Hosts(worker, len(workers) * slices, None, "GKE")
    if ask_tpu is not None and (endpoints := ask_tpu("worker-network-endpoints")):
        count = len(endpoints.split(","))
        return Hosts(int(ask_tpu("agent-worker-number")), count, None, "TPU") if count > 1 else None
    return None


def _number(flag: str, given: int | None, environment: Mapping[str, str], name: str) -> int | None:
    if given is not None or name not in environment:
        return given
    try:
        return int(environment[name])
    except ValueError:
        raise UserError(f"{name}={environment[name]!r} is no number; give {flag}=N") from None


def _ask_tpu(attribute: str) -> str | None:
    """What the metadata server of a Cloud TPU VM says of the VM; None where there is none."""
    server = os.environ.get("GCE_METADATA_IP", "metadata.google.internal")
    request = urllib.request.Request(
        f"http://{server}/computeMetadata/v1/instance/attributes/{attribute}",
        headers={"Metadata-Flavor": "Google"},
    )
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def _on_tpu_vm() -> bool:
    return Path("/dev/accel0").exists() or (
        Path("/dev/vfio/0").exists() and "TPU_SKIP_MDS_QUERY" not in os.environ
    )


def join_hosts(
    coordinator: str | None = None,
    count: int | None = None,
    index: int | None = None,
    join_seconds: int = JOIN_SECONDS,
    peer_seconds: int = PEER_SECONDS,
) -> None:
    """Waits for the other hosts, if there are any; to be called before JAX has computed anything.

    Args:
      coordinator, count, index: see `find_hosts`.
      join_seconds: how long to wait for the others.
      peer_seconds: a host that is silent for so long is dead, and the others end.

    Raises:
      UserError: the others did not come in time.
    """
    ask_tpu = _ask_tpu if _on_tpu_vm() else None
    hosts = find_hosts(os.environ, coordinator, count, index, ask_tpu)
    if hosts is None:
        return
    at = f" at {hosts.coordinator}" if hosts.coordinator else ""
    name = f"host {hosts.index} of {hosts.count}"
    print(
        f"{name} ({hosts.known_from}): waiting for the others{at} (limit {join_seconds} s)",
        file=sys.stderr,
        flush=True,
    )
    failed = f"{name} did not find the others{at} within {join_seconds} s"
    hint = "was the same command started on all hosts? does a firewall close the port of host 0?"
    all_is_well = _watch(f"effjax: {failed}\n{hint}")
    explicit = {"cluster_detection_method": "deactivate"} if hosts.coordinator else {}
    try:
        jax.distributed.initialize(
            coordinator_address=hosts.coordinator,
            num_processes=hosts.count if hosts.coordinator else None,
            process_id=hosts.index if hosts.coordinator else None,
            initialization_timeout=join_seconds,
            heartbeat_timeout_seconds=peer_seconds,
            shutdown_timeout_seconds=peer_seconds,
            **explicit,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{failed}: {str(error).splitlines()[0][:200]}\n{hint}") from error
    finally:
        all_is_well()
    text = (
        f"effjax: {name} was ended from outside, or JAX ended it because another host died or was "
        f"silent for {peer_seconds} s\n"
        "the same command on all hosts continues from the newest checkpoint"
    )
    atexit.register(_watch(text))


_WATCHDOG = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
if not sys.stdin.buffer.read(): print(sys.argv[1], file=sys.stderr, flush=True)
"""


def _watch(text: str) -> Callable[[], None]:
    """Starts a process that says `text` if this one ends without a word, as JAX lets it do.

    It does when a peer dies, and at times when it finds none.

    Returns:
      to be called when all is well: ends that process.
    """
    watchdog = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _WATCHDOG, text],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )

    def all_is_well() -> None:
        watchdog.stdin.write(b"!")
        watchdog.stdin.close()
        watchdog.wait(5)

    return all_is_well


def is_writer() -> bool:
    """Whether this host writes what all share: metrics, config, summary."""
    return jax.process_index() == 0


def agree(value: Any) -> Any:
    """What host 0 says, a JSON value, on all hosts; a point where they wait for each other."""
    if jax.process_count() == 1:
        return value
    from jax.experimental import multihost_utils

    told = json.dumps(value).encode() if is_writer() else b""
    padded = np.frombuffer(told.ljust(TOLD_BYTES), np.uint8)
    return json.loads(bytes(np.asarray(multihost_utils.broadcast_one_to_all(padded))))
