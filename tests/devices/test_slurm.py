"""One process a node takes all GPUs of its node; several share them."""

import pytest

from effjax.devices.slurm import count_nodes, local_gpus, tasks_on_node, visible_gpus
from effjax.errors import UserError

ONE_A_NODE = {"SLURM_NTASKS": "2", "SLURM_LOCALID": "0", "SLURM_STEP_NODELIST": "node[1-2]"}


@pytest.mark.parametrize(
    ("nodelist", "count"),
    [("", 0), ("a", 1), ("a,b", 2), ("node[01-04]", 4), ("login,node[01-04,07],x[1-2]", 8)],
)
def test_nodes_are_counted(nodelist, count):
    assert count_nodes(nodelist) == count


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (ONE_A_NODE, 1),
        ({"SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, 4),
        ({"SLURM_TASKS_PER_NODE": "2"}, 2),
        ({"SLURM_NTASKS": "8", "SLURM_NNODES": "2"}, 4),
        ({"SLURM_TASKS_PER_NODE": "2,1", "SLURM_NTASKS": "3", "SLURM_NNODES": "2"}, None),
        ({}, None),
    ],
)
def test_processes_of_a_node(environment, expected):
    assert tasks_on_node(environment) == expected


@pytest.mark.parametrize(
    ("environment", "visible", "expected"),
    [
        (ONE_A_NODE, 8, None),
        ({"SLURM_TASKS_PER_NODE": "4(x2)", "SLURM_LOCALID": "3"}, 8, [6, 7]),
        ({"SLURM_TASKS_PER_NODE": "8", "SLURM_LOCALID": "3"}, 8, [3]),
        ({"SLURM_TASKS_PER_NODE": "4", "SLURM_LOCALID": "3"}, 1, None),  # SLURM hides the others
        ({"SLURM_TASKS_PER_NODE": "4", "SLURM_LOCALID": "3", "SLURM_GPUS_PER_TASK": "2"}, 2, None),
        ({"SLURM_TASKS_PER_NODE": "4", "SLURM_LOCALID": "3"}, 0, None),
    ],
)
def test_gpus_of_a_process(environment, visible, expected):
    assert local_gpus(environment, visible) == expected


def test_gpus_that_cannot_be_shared():
    environment = {"SLURM_TASKS_PER_NODE": "3", "SLURM_LOCALID": "0"}
    with pytest.raises(UserError, match=r"3 processes .* its 8 GPUs evenly\ngive --ntasks-per"):
        local_gpus(environment, 8)


def test_visible_gpus_are_those_that_cuda_may_see():
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0,1,5"}) == 3
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == 0
