"""Processes of this machine, with stand-ins for trainings."""

import json
import sys

import pytest

from effjax.errors import UserError
from effjax.report.progress import Quiet
from effjax.trials import runners
from effjax.trials.runners import last_words, run_here, run_local
from effjax.trials.trial import RunTrial
from effjax.trials.worker import read_failure

SUMMARY = {"step": 1, "final": {}, "best": {}}
DONE = f"open(folder + '/summary.json', 'w').write('{json.dumps(SUMMARY)}')"
FULL = "sys.exit(f'cannot write to {folder}: the disk is full')"


def make_trials(tmp_path, count):
    trials = []
    for seed in range(count):
        workdir = tmp_path / f"seed{seed}"
        trials.append(RunTrial(variant="a", seed=seed, config=None, workdir=workdir))
    return trials


def use_program(monkeypatch, program):
    """Every process runs this line instead of a training."""

    def command(workdir):
        return [sys.executable, "-c", f"import sys; folder = {str(workdir)!r}; {program}"]

    monkeypatch.setattr(runners, "worker_command", command)
    monkeypatch.setattr(runners, "write_trial", lambda config, workdir: workdir.mkdir())
    monkeypatch.setattr(runners, "POLL", 0.01)


def test_each_run_is_asked_for_when_there_is_room(tmp_path, monkeypatch):
    """A search chooses a run by those before it: with two workers never a third one early."""
    use_program(monkeypatch, DONE)
    asked = []

    def upcoming():
        for trial in make_trials(tmp_path, 5):
            over = sum((t.workdir / "summary.json").exists() for t in asked)
            assert len(asked) - over < 2
            asked.append(trial)
            yield trial

    run_local(upcoming(), 5, Quiet(), workers=2)
    assert len(asked) == 5
    assert all((trial.workdir / "summary.json").exists() for trial in asked)


def test_a_process_that_dies_is_a_failure_with_its_last_words(tmp_path, monkeypatch):
    use_program(monkeypatch, "print('one'); print('out of memory'); sys.exit(9)")
    (trial,) = make_trials(tmp_path, 1)
    run_local([trial], 1, Quiet(), workers=1)
    assert read_failure(trial.workdir) == "exit status 9: out of memory"
    assert last_words(trial.workdir) == "out of memory"


def test_a_full_disk_ends_the_sweep(tmp_path, monkeypatch):
    use_program(monkeypatch, FULL)
    (trial,) = make_trials(tmp_path, 1)
    with pytest.raises(UserError, match="the disk is full\nmake room"):
        run_local([trial], 1, Quiet(), workers=1)
    assert not (trial.workdir / "failed.json").exists()


def test_one_after_another_in_this_process(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(runners, "train_trial", lambda config, workdir, _: trained.append(workdir))
    monkeypatch.setattr(runners.jax, "clear_caches", lambda: None)
    trials = make_trials(tmp_path, 3)
    run_here(iter(trials), 3, Quiet())
    assert trained == [trial.workdir for trial in trials]
