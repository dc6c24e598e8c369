"""From nothing to a slice that is ready, and back to nothing.

    (nothing) -> WAITING_FOR_RESOURCES -> PROVISIONING -> ACTIVE -> SUSPENDING -> SUSPENDED
                                                    `--> FAILED

A request that is SUSPENDED or FAILED never comes back: it is deleted and made again. An ACTIVE one
whose node has been preempted is, too.
"""

import time

from tpu.gcloud import QUOTA, TAKEN, Failed, Gcloud, last_line, say
from tpu.slices import Mistake

WAIT_HOURS = 72.0  # for capacity
ENDED = ("SUSPENDED", "FAILED")
GONE = ("PREEMPTED", "TERMINATED", "STOPPED", "DELETING", "STOPPING")
REPAIRED = ("REPAIRING", "RESTARTING", "CREATING", "STARTING")
MISSES = 3  # descriptions of an ACTIVE request without a node before it counts as lost


def is_ready(gcloud: Gcloud) -> bool:
    """Whether the slice is there and can be used."""
    request, node = gcloud.request(), gcloud.node()
    return _state(request) == "ACTIVE" and node is not None and node.get("state") == "READY"


def bring_up(gcloud: Gcloud, wait_hours: float = WAIT_HOURS) -> int:
    """Waits until the slice is ready, asking for it as often as need be.

    Returns:
      How many workers it has.

    Raises:
      Mistake: it cannot be had: quota, a node of somebody else's, no capacity in time.
    """
    name = gcloud.slice.name
    began, shown, misses, asked = time.monotonic(), None, 0, 0
    while True:
        request = gcloud.request()
        state = _state(request)
        node = gcloud.node() if state in (None, "ACTIVE") else None
        health = node.get("state") if node else None
        if (state, health) != shown:
            minutes = (time.monotonic() - began) / 60
            say(f"{name}: {state or 'no request'}, node {health or '-'} after {minutes:.0f} min")
            shown = state, health
        if state is None and node is not None:
            _remove_orphan(gcloud, node)
        elif state is None:
            _ask(gcloud)
            asked += 1
        elif state in ENDED:
            reason = _reason(request)
            if any(word.lower() in reason.lower() for word in QUOTA):
                gcloud.delete_request()
                raise Mistake(_no_quota(gcloud, reason))
            say(f"{name}: {state}{reason}; it will not come back: asking again")
            gcloud.delete_request()
            gcloud.sleep(min(asked, 5))
        elif state == "ACTIVE" and health == "READY":
            _check_type(gcloud, node)
            return max(1, len(node.get("networkEndpoints", [])))
        elif state == "ACTIVE" and health not in REPAIRED:
            # a node may be described a moment after its request is ACTIVE
            misses += 1
            if health in GONE or misses >= MISSES:
                say(f"{name}: the node is {health or 'gone'}; asking again")
                gcloud.delete_request()
                misses = 0
        if time.monotonic() - began > wait_hours * 3600:
            raise Mistake(
                f"{name} was not ready within {wait_hours:g} h (now {state}); the request stays\n"
                "wait for longer with the same command, or take it down: tpu_vm.py down"
            )
        gcloud.sleep()


def take_down(gcloud: Gcloud, force: bool = False, wait_minutes: float = 30.0) -> None:
    """Deletes the request and its node and sees that both are gone.

    Args:
      force: also what was not made by this script.

    Raises:
      Mistake: something is still there, or is somebody else's.
    """
    name, began = gcloud.slice.name, time.monotonic()
    deleting = shown = None
    while True:
        request, node = gcloud.request(), gcloud.node()
        left = _state(request), node.get("state") if node else None
        if left == (None, None):
            say(f"{name}: nothing is left")
            return
        if not (force or _is_ours(gcloud, request, node)):
            raise Mistake(
                f"{name} in {gcloud.slice.zone} was not made by tpu_vm.py; nothing was changed\n"
                "if it is to go all the same: tpu_vm.py down --force"
            )
        if left != shown:
            say(f"{name}: request {left[0] or '-'}, node {left[1] or '-'}; deleting")
            shown = left
        if request is not None and left[0] != "DELETING" and deleting != "request":
            gcloud.delete_request()
            deleting = "request"
        elif request is None and left[1] != "DELETING" and deleting != "node":
            gcloud.delete_node()  # nobody's: its request went without it
            deleting = "node"
        else:
            deleting = None  # said already; said again if it has not gone by the next look
        if time.monotonic() - began > wait_minutes * 60:
            raise Mistake(
                f"{name} is still there after {wait_minutes:g} min (request {left[0]}, node "
                f"{left[1]}) and may cost money\nsay down again, or look into the console"
            )
        gcloud.sleep()


def _ask(gcloud: Gcloud) -> None:
    slice_ = gcloud.slice
    if slice_.type is None:
        raise Mistake(f"there is no slice {slice_.name} in {slice_.zone}; give --type to make one")
    try:
        gcloud.create()
    except Failed as failed:
        if failed.says(TAKEN):
            return  # it has come between the look and the request, or is being deleted
        if failed.says(QUOTA):
            raise Mistake(_no_quota(gcloud, last_line(failed.text))) from failed
        raise Mistake(
            f"{slice_.name} could not be asked for: {last_line(failed.text)}\nnothing was created"
        ) from failed


def _no_quota(gcloud: Gcloud, reason: str) -> str:
    return (
        f"no quota for {gcloud.slice.type} in {gcloud.slice.zone}: {reason.strip()}\n"
        "nothing is left there; ask for quota, or try another --zone, --type or --spot"
    )


def _is_ours(gcloud: Gcloud, request: dict | None, node: dict | None) -> bool:
    """Whether the label of this script is on the node, or on the one that is asked for."""
    specs = (request or {}).get("tpu", {}).get("nodeSpec", [])
    nodes = [node] if node else [spec.get("node", {}) for spec in specs]
    return any(n.get("labels", {}).get("effjax-launch") == gcloud.slice.name for n in nodes)


def _check_type(gcloud: Gcloud, node: dict) -> None:
    wanted, there = gcloud.slice.type, node.get("acceleratorType")
    if wanted and there and wanted != there:
        raise Mistake(
            f"{gcloud.slice.name} is there as {there}, not as {wanted}\n"
            "take it down first, or give another --name"
        )


def _remove_orphan(gcloud: Gcloud, node: dict) -> None:
    """A node without request: ours, left over, or somebody else's of the same name."""
    name = gcloud.slice.name
    if not _is_ours(gcloud, None, node):
        raise Mistake(
            f"there is a node {name} in {gcloud.slice.zone} that tpu_vm.py did not make\n"
            "give another --name; nothing was changed"
        )
    if node.get("state") != "DELETING":
        say(f"{name}: a node is left of an earlier request; deleting it")
        gcloud.delete_node()


def _state(request: dict | None) -> str | None:
    return None if request is None else request.get("state", {}).get("state", "CREATING")


def _reason(request: dict) -> str:
    """Why, where the service says so."""
    for key in ("failedData", "suspendedData", "suspendingData"):
        error = request.get("state", {}).get(key, {}).get("error", {}).get("message")
        if error:
            return f" ({error})"
    initiator = request.get("state", {}).get("stateInitiator")
    return f" (by {initiator})" if initiator else ""
