"""Trains runs in this process, or in several processes of this machine.

Runs come from an iterable that is asked for the next one only when there is room for it. A search
can so choose a run by what the ones before it have reached.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import jax

from effjax.errors import Preempted, UserError
from effjax.report import Display
from effjax.report.progress import Quiet
from effjax.trials.trial import RunTrial
from effjax.trials.worker import (
    LONGEST_REASON,
    REFUSED,
    is_over,
    train_trial,
    worker_command,
    write_failure,
    write_trial,
)

POLL = 0.2  # seconds between looks at the processes
GRACE = 30.0  # seconds from SIGTERM to SIGKILL


def run_here(trials: Iterable[RunTrial], count: int, display: Display) -> None:
    """Trains one run after another in this process.

    Args:
      count: how many there will be, for the display.

    Raises:
      Preempted: this process was asked to stop; the same command continues.
      UserError: the disk is full.
    """
    display.start(count, unit="run")
    for number, trial in enumerate(trials, start=1):
        display.waiting(f"{trial.variant}, seed {trial.seed_and_fold}")
        train_trial(trial.config, trial.workdir, Quiet())
        # programs of one variant serve no other, and would fill the memory
        jax.clear_caches()
        if count > 1:
            display.update(number, {})
        else:  # "run 1/1" says nothing: whoever asked for this run tells what it reached
            display.close()


def run_local(trials: Iterable[RunTrial], count: int, display: Display, workers: int) -> None:
    """Trains runs in `workers` processes of this machine, each with its share of the cores.

    Raises:
      Preempted: this process was interrupted; the others have saved their state and ended.
      UserError: the disk is full.
    """
    display.start(count, unit="run")
    pool = Pool(iter(trials), workers)
    ended = 0
    try:
        while pool.fill():
            for trial, status in pool.ended():
                ended += 1
                _note_end(trial, status)
                display.update(ended, {})
            time.sleep(POLL)
    except KeyboardInterrupt:
        raise Preempted("interrupted: the same command continues") from None
    finally:
        pool.stop()


class Pool:
    """Processes that each train one run, at most `workers` at a time."""

    def __init__(self, trials: Iterator[RunTrial], workers: int):
        self._waiting = trials
        self._workers = workers
        self._running: dict[int, tuple[RunTrial, subprocess.Popen]] = {}

    def fill(self) -> bool:
        """Starts runs where there is room; False when all runs have ended."""
        for slot in range(self._workers):
            if slot in self._running:
                continue
            trial = next(self._waiting, None)
            if trial is None:
                break
            self._running[slot] = trial, _start(trial, slot, self._workers)
        return bool(self._running)

    def ended(self) -> Iterator[tuple[RunTrial, int]]:
        """Runs whose process has ended since the last call, with its exit status."""
        for slot, (trial, process) in list(self._running.items()):
            status = process.poll()
            if status is not None:
                del self._running[slot]
                yield trial, status

    def stop(self) -> None:
        """Lets the processes save their state; kills what is still there after a while."""
        processes = [process for _, process in self._running.values()]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + GRACE
        for process in processes:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _note_end(trial: RunTrial, status: int) -> None:
    if is_over(trial.workdir):
        return
    words = last_words(trial.workdir)
    if status == REFUSED and "the disk is full" in words:
        raise UserError(f"{words}\nmake room, then the same command continues")
    write_failure(trial.workdir, f"exit status {status}: {words}")


def _start(trial: RunTrial, slot: int, workers: int) -> subprocess.Popen:
    write_trial(trial.config, trial.workdir)
    command = worker_command(trial.workdir)
    with log_path(trial.workdir).open("w") as log:
        # a session of its own: Ctrl-C reaches this process alone, which then stops the others
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    if hasattr(os, "sched_getaffinity") and workers > 1:
        cores = sorted(os.sched_getaffinity(0))
        # more workers than cores: the last ones get none of their own, and share all
        share = cores[slot::workers] or cores
        os.sched_setaffinity(process.pid, share)
    return process


def log_path(workdir: Path) -> Path:
    """What a process of its own has printed."""
    return workdir / "log.txt"


def last_words(workdir: Path) -> str:
    """The last line that a process has printed."""
    lines = log_path(workdir).read_text(errors="replace").strip().splitlines()
    return lines[-1][:LONGEST_REASON] if lines else "it printed nothing"


def unfinished(trials: Sequence[RunTrial]) -> list[RunTrial]:
    """The runs that have neither finished nor failed."""
    return [trial for trial in trials if not is_over(trial.workdir)]
