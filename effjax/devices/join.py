"""Several hosts join: waits for the others, then lets JAX connect them.

JAX aborts a process (status 134) when another host dies, before any Python could report why. So a
small process beside each host, its watchdog, stays alive and reports it.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Callable

import jax

from effjax.devices.address import parse_address
from effjax.devices.hosts import Hosts, find_hosts
from effjax.devices.metadata import ask_tpu, on_tpu_vm
from effjax.devices.rendezvous import meet
from effjax.devices.slurm import local_gpus, visible_gpus
from effjax.errors import UserError

JOIN_SECONDS = 300
PEER_SECONDS = 100
HINT = "was the same command started on all hosts? does a firewall close the port of host 0?"


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
      UserError: the others did not come in time, or the address cannot be used.
    """
    ask = ask_tpu if on_tpu_vm() else None
    hosts = find_hosts(os.environ, coordinator, count, index, ask)
    if hosts is None:
        return
    # everything that may go wrong from here on is told with the same words
    place = f" at {hosts.coordinator}" if hosts.coordinator else ""
    name = f"host {hosts.index} of {hosts.count}"
    _report(f"{name} ({hosts.known_from}): waiting for the others{place} (limit {join_seconds} s)")
    failed = f"{name} did not find the others{place} within {join_seconds} s"
    all_is_well = watch(f"effjax: {failed}\n{HINT}")
    try:
        if hosts.coordinator:
            address = parse_address(hosts.coordinator)
            meet(address, hosts.index, hosts.count, join_seconds)
        _initialize(hosts, join_seconds, peer_seconds)
    except (TimeoutError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise UserError(f"{failed}: {reason}\n{HINT}") from error
    finally:
        all_is_well()
    # this starts the backends: all hosts do it together
    _report(f"{name}: {jax.local_device_count()} of {jax.device_count()} devices are here")
    text = (
        f"effjax: {name} was ended from outside, or JAX ended it because another host died or was "
        f"silent for {peer_seconds} s\n"
        "the same command on all hosts continues from the newest checkpoint"
    )
    atexit.register(watch(text))


def _initialize(hosts: Hosts, join_seconds: int, peer_seconds: int) -> None:
    """Lets JAX connect the hosts.

    Raises:
      RuntimeError: it could not.
      UserError: the processes of a node cannot share its GPUs.
    """
    seconds = {
        "initialization_timeout": join_seconds,
        "heartbeat_timeout_seconds": peer_seconds,
        "shutdown_timeout_seconds": peer_seconds,
    }
    if hosts.coordinator:
        # without "deactivate" JAX would ask the cluster for what is not given
        jax.distributed.initialize(
            hosts.coordinator,
            hosts.count,
            hosts.index,
            cluster_detection_method="deactivate",
            **seconds,
        )
        return
    gpus = local_gpus(os.environ, visible_gpus(os.environ)) if hosts.is_slurm else None
    try:
        jax.distributed.initialize(local_device_ids=gpus, **seconds)
    except ValueError as error:  # JAX knows no cluster here
        raise RuntimeError(str(error)) from error
    if hosts.is_slurm and gpus is None:
        # JAX has chosen the GPU whose number is SLURM_LOCALID; all are ours
        for platform in ("cuda", "rocm"):
            jax.config.update(f"jax_{platform}_visible_devices", "all")


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# A signal is meant for the process that is watched. If the pipe closes before a byte has come,
# that process has died.
_WATCHDOG = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
if not sys.stdin.buffer.read(): print(sys.argv[1], file=sys.stderr, flush=True)
"""


def watch(text: str) -> Callable[[], None]:
    """Starts a process that prints `text` if this one ends without a word, as JAX lets it do.

    Returns:
      A function to be called when all is well: it ends that process.
    """
    watchdog = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _WATCHDOG, text],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # a process group of its own: what ends this process with its group leaves the watchdog
        start_new_session=True,
    )

    def all_is_well() -> None:
        watchdog.stdin.write(b"!")
        watchdog.stdin.close()
        watchdog.wait(5)

    return all_is_well
