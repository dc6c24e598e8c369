"""Where the runs of a sweep are trained: in this process, or several processes of this machine."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import jax

from effjax.errors import Preempted
from effjax.report import Display
from effjax.report.progress import Quiet
from effjax.trials.plan import SweepTrial
from effjax.trials.worker import is_over, train_trial, worker_command, write_failure, write_trial

POLL, GRACE = 0.2, 30.0  # seconds between looks, and after SIGTERM before SIGKILL


def run_here(trials: Sequence[SweepTrial], display: Display) -> None:
    """One run after another in this process."""
    display.start(len(trials), unit="run")
    for number, trial in enumerate(trials):
        display.waiting(f"{trial.variant}, seed {trial.seed}")
        train_trial(trial.config, trial.workdir, Quiet())
        jax.clear_caches()  # programs of a variant serve no other
        display.update(number + 1, {})


def run_local(trials: Sequence[SweepTrial], display: Display, workers: int) -> None:
    """`workers` processes of this machine, each with its share of the cores.

    Raises:
      Preempted: this process was interrupted; the others have saved their state and ended.
    """
    display.start(len(trials), unit="run")
    waiting, running, over = list(trials), {}, 0
    free = list(range(workers))
    try:
        while waiting or running:
            while waiting and free:
                trial, place = waiting.pop(0), free.pop(0)
                running[place] = trial, _start(trial, place, workers)
            for place, (trial, process) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[place]
                free.append(place)
                over += 1
                if not is_over(trial.workdir):
                    write_failure(trial.workdir, _last_words(trial.workdir, process.returncode))
                display.update(over, {})
            time.sleep(POLL)
    except KeyboardInterrupt:
        raise Preempted("interrupted: the same command continues") from None
    finally:
        _stop([process for _, process in running.values()])


def _start(trial: SweepTrial, place: int, workers: int) -> subprocess.Popen:
    write_trial(trial.config, trial.workdir)
    command = worker_command(trial.workdir)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    share = cores[place::workers] if workers > 1 else []
    with log_path(trial.workdir).open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    if share:
        os.sched_setaffinity(process.pid, share)
    return process


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Lets them save their state; whatever is still there after a while is killed."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    until = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def log_path(workdir: Path) -> Path:
    """What a process of its own has said."""
    return workdir / "log.txt"


def _last_words(workdir: Path, status: int) -> str:
    lines = log_path(workdir).read_text(errors="replace").strip().splitlines()
    return f"exit status {status}: {lines[-1][:200] if lines else 'it said nothing'}"
