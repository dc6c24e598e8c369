"""Several hosts train together: who they are, and what one tells the others.

A host is one process with devices of its own. Whether there are others is read from flags, from
JAX's own variables, or from what SLURM, GKE and Cloud TPU tell a process.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from effjax.devices.address import parse_address
from effjax.errors import UserError

MESSAGE_BYTES = 4096  # of JSON that host 0 can tell the others
# JAX's own variables
ADDRESS = "JAX_COORDINATOR_ADDRESS"
COUNT = "JAX_NUM_PROCESSES"
INDEX = "JAX_PROCESS_ID"


@dataclass(frozen=True)
class Hosts:
    """This process among those that train together.

    Attributes:
      index, count: this host is number `index` of `count`, from 0.
      coordinator: "address:port" of host 0; None: JAX asks the cluster.
      known_from: where this is known from, for messages.
    """

    index: int
    count: int
    coordinator: str | None
    known_from: str

    @property
    def is_slurm(self) -> bool:
        return self.known_from == "SLURM"


def find_hosts(
    environment: Mapping[str, str],
    coordinator: str | None = None,
    count: int | None = None,
    index: int | None = None,
    ask_tpu: Callable[[str], str | None] | None = None,
) -> Hosts | None:
    """Reads flags, or else the environment, for other hosts; None: this one trains alone.

    Args:
      environment: as `os.environ`.
      coordinator, count, index: the flags --coordinator, --hosts and --host.
      ask_tpu: name of a metadata attribute of a Cloud TPU VM -> its value, or None.

    Raises:
      UserError: some flags without the others, an impossible number, or no address.
    """
    coordinator = coordinator or environment.get(ADDRESS)
    count = _number("--hosts", count, environment, COUNT)
    index = _number("--host", index, environment, INDEX)
    given = [value for value in (coordinator, count, index) if value is not None]
    if len(given) == 3:
        return _from_flags(coordinator, count, index)
    if given:
        raise UserError(
            "several hosts need three flags: --coordinator=ADDRESS:PORT of host 0, --hosts=N,\n"
            f"and --host=0 ... N-1 on each (or {ADDRESS}, {COUNT}, {INDEX})"
        )
    return _from_slurm(environment) or _from_gke(environment) or _from_tpu(ask_tpu)


def _number(
    flag: str,
    given: int | None,
    environment: Mapping[str, str],
    name: str,
) -> int | None:
    if given is not None or name not in environment:
        return given
    return _environment_number(environment, name, f"give {flag}=N")


def _environment_number(environment: Mapping[str, str], name: str, remedy: str) -> int:
    try:
        return int(environment[name])
    except ValueError:
        raise UserError(f"{name}={environment[name]!r} is no number; {remedy}") from None


def _from_flags(coordinator: str, count: int, index: int) -> Hosts | None:
    parse_address(coordinator)
    if not 0 <= index < count:
        raise UserError(f"--host={index} of --hosts={count}; expected 0 to {count - 1}")
    return Hosts(index, count, coordinator, "flags") if count > 1 else None


def _from_slurm(environment: Mapping[str, str]) -> Hosts | None:
    for name in ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NODELIST"):
        # a batch script has SLURM_NTASKS too, but is no process of a step
        if not environment.get(name):
            return None
    remedy = "SLURM sets it in every step; unset it to train alone"
    index = _environment_number(environment, "SLURM_PROCID", remedy)
    count = _environment_number(environment, "SLURM_NTASKS", remedy)
    return Hosts(index, count, None, "SLURM") if count > 1 else None


def _from_gke(environment: Mapping[str, str]) -> Hosts | None:
    workers = environment.get("TPU_WORKER_HOSTNAMES", "").split(",")
    slices = int(environment.get("MEGASCALE_NUM_SLICES") or 1)
    count = len(workers) * slices
    if count == 1 or "TPU_WORKER_ID" not in environment:
        return None
    # workers are numbered from 0 in every slice
    slice_index = int(environment.get("MEGASCALE_SLICE_ID") or 0)
    worker = int(environment["TPU_WORKER_ID"])
    return Hosts(worker + slice_index * len(workers), count, None, "GKE")


def _from_tpu(ask_tpu: Callable[[str], str | None] | None) -> Hosts | None:
    endpoints = ask_tpu("worker-network-endpoints") if ask_tpu is not None else None
    if not endpoints:
        return None
    count = len(endpoints.split(","))
    if count == 1:
        return None
    return Hosts(int(ask_tpu("agent-worker-number")), count, None, "TPU")


def is_writer() -> bool:
    """Whether this host writes what all share: metrics, config, summary."""
    return jax.process_index() == 0


def agree(value: Any) -> Any:
    """The value of host 0 (JSON data) on all hosts; a point where they wait for each other."""
    if jax.process_count() == 1:
        return value
    from jax.experimental import multihost_utils

    message = json.dumps(value).encode() if is_writer() else b""
    # arrays are exchanged, and all hosts have to know their length beforehand
    padded = np.frombuffer(message.ljust(MESSAGE_BYTES), np.uint8)
    received = multihost_utils.broadcast_one_to_all(padded)
    return json.loads(bytes(np.asarray(received)))
