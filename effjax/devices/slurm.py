"""What SLURM says of the processes of a step, and which GPUs of its node a process takes."""

import glob
import re
from collections.abc import Mapping

from effjax.errors import UserError


def tasks_on_node(environment: Mapping[str, str]) -> int | None:
    """How many processes of this step run on this node; None: SLURM does not say."""
    for name in ("SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE", "SLURM_NTASKS_PER_NODE"):
        # "2", "2(x3)" for three nodes, or "2(x2),1": then it depends on the node
        found = re.fullmatch(r"(\d+)(\(x\d+\))?", environment.get(name, ""))
        if found:
            return int(found[1])
    # else the mean, which is right where all nodes have as many
    nodes = environment.get("SLURM_STEP_NUM_NODES") or environment.get("SLURM_NNODES")
    count = int(nodes) if nodes else count_nodes(environment.get("SLURM_STEP_NODELIST", ""))
    tasks = int(environment.get("SLURM_NTASKS", 0))
    if not count or not tasks or tasks % count:
        return None
    return tasks // count


def count_nodes(nodelist: str) -> int:
    """The number of nodes in SLURM's notation, such as "login,node[01-04,07]"."""
    total = 0
    for item in re.findall(r"[^,\[]+(?:\[[^\]]*\])?", nodelist):
        inside = re.search(r"\[([^\]]*)\]", item)
        # a name without brackets is one node
        parts = inside[1].split(",") if inside else [""]
        for part in parts:
            first, dash, last = part.partition("-")
            total += int(last) - int(first) + 1 if dash else 1
    return total


def visible_gpus(environment: Mapping[str, str]) -> int:
    """How many GPUs this process can see."""
    # CUDA numbers the devices that it may see from 0, whatever they are called here
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip()])
    return len(glob.glob("/dev/nvidia[0-9]*"))


def local_gpus(environment: Mapping[str, str], visible: int) -> list[int] | None:
    """Which of the visible GPUs this process takes; None: all of them.

    JAX takes the one whose number is SLURM_LOCALID, which with one process a node leaves all GPUs
    but the first without work.

    Args:
      environment: as `os.environ`.
      visible: what `visible_gpus` returned.

    Raises:
      UserError: the processes of this node cannot share the GPUs evenly.
    """
    tasks = tasks_on_node(environment)
    # SLURM hides the GPUs of other processes where it was asked for GPUs of each
    bound = "SLURM_GPUS_PER_TASK" in environment or "gpu" in environment.get(
        "SLURM_TRES_PER_TASK", ""
    )
    if bound or tasks == 1 or visible <= 1:
        return None
    local = int(environment.get("SLURM_LOCALID", 0))
    if tasks is None:
        return [local]
    if visible % tasks:
        raise UserError(
            f"{tasks} processes on a node cannot share its {visible} GPUs evenly\n"
            "give --ntasks-per-node=1: one process takes all GPUs of its node"
        )
    each = visible // tasks
    return list(range(local * each, (local + 1) * each))
