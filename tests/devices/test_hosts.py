"""Where a host learns that there are others."""

import pytest

from effjax.devices.hosts import Hosts, agree, find_hosts
from effjax.errors import UserError

SLURM = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_STEP_NODELIST": "node[01-04]"}
GKE = {"TPU_WORKER_HOSTNAMES": "a,b,c,d", "TPU_WORKER_ID": "1"}
SLICES = {"MEGASCALE_NUM_SLICES": "2", "MEGASCALE_SLICE_ID": "1"}
JAX = {
    "JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234",
    "JAX_NUM_PROCESSES": "2",
    "JAX_PROCESS_ID": "1",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        (JAX, Hosts(1, 2, "10.0.0.1:1234", "flags")),
        (JAX | {"JAX_NUM_PROCESSES": "1", "JAX_PROCESS_ID": "0"}, None),
        (SLURM, Hosts(2, 4, None, "SLURM")),
        (SLURM | {"SLURM_NTASKS": "1"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None),  # a batch script, not a step
        (GKE, Hosts(1, 4, None, "GKE")),
        (GKE | SLICES, Hosts(5, 8, None, "GKE")),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"}, None),
        (SLURM | JAX, Hosts(1, 2, "10.0.0.1:1234", "flags")),
    ],
)
def test_the_environment_says_it(environment, expected):
    assert find_hosts(environment) == expected


def test_flags_come_before_the_environment():
    found = find_hosts(JAX, "host0:99", 4, 3)
    assert found == Hosts(3, 4, "host0:99", "flags")


def test_a_tpu_vm_is_asked():
    said = {"worker-network-endpoints": "a:1:10.0.0.2,b:2:10.0.0.3", "agent-worker-number": "1"}
    assert find_hosts({}, ask_tpu=said.get) == Hosts(1, 2, None, "TPU")
    assert find_hosts({}, ask_tpu={"worker-network-endpoints": "a"}.get) is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("a:1", 2, None), "several hosts need three flags"),
        ((None, 2, 0), "several hosts need three flags"),
        (("a", 2, 0), "has no port; give ADDRESS:PORT"),
        (("a:1", 2, 2), "--host=2 of --hosts=2; expected 0 to 1"),
    ],
)
def test_what_is_missing_is_said(flags, message):
    with pytest.raises(UserError, match=message):
        find_hosts({}, *flags)


def test_a_number_that_is_none():
    with pytest.raises(UserError, match=r"JAX_NUM_PROCESSES='two' is no number; give --hosts=N"):
        find_hosts(JAX | {"JAX_NUM_PROCESSES": "two"})


def test_a_host_alone_agrees_with_itself():
    assert agree({"best": 0.5, "measured": ["val"]}) == {"best": 0.5, "measured": ["val"]}
