"""A command on all workers, from its start to its exit codes, through preemptions."""

import contextlib
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tpu.bundle import Bundle
from tpu.gcloud import Failed, Gcloud, last_line, say
from tpu.lifecycle import WAIT_HOURS, bring_up, is_ready
from tpu.slices import Mistake

INCOMING = ".effjax/incoming"
WORKER = f"python3 {INCOMING}/worker.py"
MARK = "effjax-worker "
INTERRUPTED = 75
OUT_OF_REACH = 30  # broken connections to a healthy slice in a row
LATE = 180.0  # seconds for the other workers when worker 0 has ended
SIGNALLED = 128  # and the number of the signal: how a shell counts it
LOOKS = 5  # at a slice on which a command ended by a signal: it may be on its way out


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: a status, and whether it is to be started again."""

    status: int
    again: bool
    why: str


def run_to_the_end(
    gcloud: Gcloud, bundle: Bundle, max_restarts: int, wait_hours: float = WAIT_HOURS
) -> int:
    """Brings the slice up, runs the command, and starts it again until it is done.

    Args:
      gcloud: for the slice.
      bundle: what to run.
      max_restarts: how often it is started again.
      wait_hours: how long to wait for the slice, at each start.

    Returns:
      The run's exit status: 0, that of the first worker to fail, or 75 if it was interrupted
      more often than `max_restarts`.

    Raises:
      Mistake: the slice cannot be had, or does something else.
    """
    first, restarts = bundle.run, 0
    while True:
        workers = bring_up(gcloud, wait_hours)
        going = None if restarts else _already_running(gcloud, bundle)
        if going is not None:
            say(f"this command is running there as {going}; following it")
            bundle.run = first = going
            ended = _ended(gcloud, going, workers)
        else:
            ended = _lost_at_start(gcloud, bundle, workers) or _ended(gcloud, bundle.run, workers)
        say(f"run {bundle.run}: {ended.why}")
        if not ended.again:
            return ended.status
        if restarts >= max_restarts:
            say(f"started again {restarts} times; that is enough. The same command continues it")
            return INTERRUPTED
        restarts += 1
        # an id of its own, so that the log and exit code of the last attempt stay
        bundle.run = f"{first}.{restarts}"
        say(f"starting again ({restarts}); the newest checkpoint is where it goes on")


def _lost_at_start(gcloud: Gcloud, bundle: Bundle, workers: int) -> Ended | None:
    """Starts the run; how it ended if the slice went away meanwhile, else None.

    Raises:
      Mistake, Failed: it cannot be started, and the slice is there.
    """
    try:
        _start(gcloud, bundle)
    except (Failed, Mistake):
        if _stays(gcloud):
            raise
        return Ended(INTERRUPTED, True, "the slice was taken away before it had started")
    say(f"run {bundle.run} has started on {workers} workers and goes on without us")
    return None


def _stays(gcloud: Gcloud) -> bool:
    """Whether the slice is there, and still is after some looks: a preempted VM stops its
    programs first, and the service says so later."""
    for attempt in range(LOOKS):
        if not is_ready(gcloud):
            return False
        if attempt < LOOKS - 1:
            gcloud.sleep(attempt)
    return True


def _start(gcloud: Gcloud, bundle: Bundle) -> None:
    gcloud.ssh(f"mkdir -p -m 700 .effjax {INCOMING}")
    with tempfile.TemporaryDirectory() as folder:
        gcloud.copy(bundle.write(Path(folder)), INCOMING)
    try:
        gcloud.ssh(f"{WORKER} prepare {bundle.run}")
    except Failed as failed:
        raise Mistake(
            f"the environment could not be made on the workers: {last_line(failed.text)}\n"
            "tpu_vm.py ssh shows more; the slice stays up: tpu_vm.py down takes it down"
        ) from failed
    gcloud.ssh(f"{WORKER} start {bundle.run}")


def states(gcloud: Gcloud, run: str = "") -> list[dict]:
    """What each worker says of a run, or of its newest one; [] where none was ever started."""
    ask = f"{WORKER} status {run}" if run else f"{WORKER} status"
    told = gcloud.ssh(f"test ! -e {INCOMING}/worker.py || {ask}")
    found = []
    for piece in told.split(MARK)[1:]:
        with contextlib.suppress(ValueError):  # cut by what another worker said: ask again
            found.append(json.JSONDecoder().raw_decode(piece)[0])
    return found


def _already_running(gcloud: Gcloud, bundle: Bundle) -> str | None:
    """The id of a run of the same command that goes on there.

    Raises:
      Mistake: another command is running.
    """
    found = [state for state in states(gcloud) if state["state"] == "running"]
    if not found:
        return None
    run, command = found[0]["run"], found[0].get("command")
    if command != bundle.command:
        raise Mistake(
            f"{gcloud.slice.name} is running {shlex.join(command or [])} ({run})\n"
            "tpu_vm.py logs follows it; tpu_vm.py down ends it"
        )
    return run


def follow(gcloud: Gcloud, run: str) -> bool:
    """Copies worker 0's log to standard output until the run ends; False: the slice was lost."""
    offset = failures = 0
    while True:
        stream = gcloud.stream(f"{WORKER} logs {run} {offset}", worker=0)
        try:
            for piece in stream:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                offset, failures = offset + len(piece), 0
        finally:
            status = stream.close()
        if status == 0:
            return True
        if not is_ready(gcloud):
            return False
        failures += 1
        if failures > OUT_OF_REACH:
            raise Mistake(
                f"{gcloud.slice.name} is up, but worker 0 is out of reach; the run goes on\n"
                "tpu_vm.py logs --follow tries again"
            )
        say("the connection broke; the run goes on; connecting again")
        gcloud.sleep(min(failures, 3))


def _ended(gcloud: Gcloud, run: str, workers: int) -> Ended:
    """Follows the run to its end and says what to make of it."""
    if not follow(gcloud, run):
        return Ended(INTERRUPTED, True, "the slice was taken away")
    began, asked = time.monotonic(), False
    while True:
        try:
            found = states(gcloud, run)
        except Failed:
            found = []
            if not is_ready(gcloud):
                return Ended(INTERRUPTED, True, "the slice was taken away")
        running = [state for state in found if state["state"] == "running"]
        if len(found) == workers and not running:
            break
        # the workers end together unless one hangs in a collective with one that has died
        late = time.monotonic() - began
        if late > LATE and not asked:
            say(f"{len(running)} of {workers} workers have not ended; asking them to")
            with contextlib.suppress(Failed):  # the next look says what has become of it
                gcloud.ssh(f"{WORKER} stop")
            asked = True
        if late > 2 * LATE:
            return Ended(1, False, f"{len(running)} of {workers} workers do not end")
        gcloud.sleep()
    from_outside = any((state["code"] or 0) > SIGNALLED for state in found)
    return judge(found, healthy=_stays(gcloud) if from_outside else is_ready(gcloud))


def judge(found: Sequence[dict], healthy: bool) -> Ended:
    """What the workers' ends come to.

    Args:
      found: what `states` gave, all ended.
      healthy: whether the slice is still there.
    """
    codes = [state["code"] for state in found]
    shown = ", ".join(f"{s['worker']} {s['state']} {s['code'] or 0}" for s in found)
    if all(code == 0 for code in codes):
        return Ended(0, False, f"done on all {len(codes)} workers")
    if not healthy:
        return Ended(INTERRUPTED, True, f"the slice was taken away ({shown})")
    if any(state["state"] != "exited" for state in found):
        return Ended(INTERRUPTED, True, f"a worker has lost it, perhaps restarted ({shown})")
    failed = [code for code in codes if code not in (0, INTERRUPTED)]
    if failed:
        return Ended(failed[0], False, f"failed ({shown})")
    return Ended(INTERRUPTED, True, f"interrupted and saved ({shown})")
