"""What the config says becomes an agenda; what the folder says becomes a place to begin."""

import contextlib
import time

import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.checkpoints import Checkpoints
from effjax.tasks.run import build
from effjax.training import ahead, programs
from effjax.training.opening import open_run
from effjax.training.programs import Programs
from tests.training.toy import Line, line_config


@contextlib.contextmanager
def opened(workdir, **changes):
    config = line_config(**changes)
    config.parallel.devices = 1
    setup = build(config)
    display = choose_display(quiet=True)
    with contextlib.ExitStack() as closing:
        yield open_run(setup, Programs(setup, display), workdir, display, closing)


def test_a_fresh_run(tmp_path):
    with opened(tmp_path, log={"every_steps": None}, total_steps=200.0) as run:
        agenda = run.agenda
    assert (agenda.total, agenda.save_every, agenda.log_every) == (200, 5, 4)
    assert agenda.evaluate_every == {"val": 5}
    assert agenda.between_every is None
    assert agenda.resumed.step == 0
    assert not run.updates.may_skip
    assert (tmp_path / "config.json").exists()


def test_a_run_that_goes_on(tmp_path):
    config = line_config(total_steps=5.0)
    config.parallel.devices = 1
    config.checkpoint.keep_best = "val/loss"
    effjax.train(config, tmp_path, display=choose_display(quiet=True))
    longer = {"checkpoint": {"keep_best": "val/loss"}, "nonfinite": "skip"}
    with opened(tmp_path, total_steps=9.0, **longer) as run:
        assert run.agenda.resumed.step == 5
        assert run.agenda.resumed.evaluated == {"val"}
        assert int(run.state.step) == 5
    assert run.best is not None
    assert run.updates.may_skip


def test_earlier_sittings_count(tmp_path, monkeypatch):
    config = line_config(total_steps=5.0)
    config.parallel.devices = 1
    summary = effjax.train(config, tmp_path, display=choose_display(quiet=True))
    with opened(tmp_path, total_steps=9.0) as run:
        assert 0 < run.checkpoints.position(5)["seconds"] <= summary["wall_seconds"]
    for position, before in (({"train": 5, "seconds": 1e6}, 1e6), ({"train": 5}, 0)):
        monkeypatch.setattr(Checkpoints, "position", lambda own, step, saved=position: saved)
        with opened(tmp_path, total_steps=9.0) as run:
            assert time.monotonic() - run.began == pytest.approx(before, abs=1e3)


def test_a_run_from_weights_goes_on_without_them(tmp_path, monkeypatch):
    def load(task, params, model_state, source):
        return params, model_state, {"loaded": [source], "left out": task.config.init_ignore}

    monkeypatch.setattr(Line, "load", load)
    given = {"init_from": "weights.safetensors", "init_ignore": ("head",)}
    config = line_config(total_steps=5.0, **given)
    config.parallel.devices = 1
    effjax.train(config, tmp_path, display=choose_display(quiet=True))
    with opened(tmp_path, total_steps=9.0, **given) as run:
        assert int(run.state.step) == 5


def test_a_task_that_cannot_start_from_weights(tmp_path):
    with pytest.raises(UserError, match="cannot start from weights"):  # noqa: SIM117
        with opened(tmp_path, init_from="weights.safetensors"):
            pass
    assert not (tmp_path / "config.json").exists()


def test_what_is_refused_is_not_compiled(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(programs, "compile_lowered", lambda *of: compiled.append(of))
    with pytest.raises(UserError, match=r"nothing reads it: config\.init_ignore"):  # noqa: SIM117
        with opened(tmp_path, init_ignore=("head",)):
            pass
    with pytest.raises(UserError, match="cannot start from weights"):  # noqa: SIM117
        with opened(tmp_path, init_from="weights.safetensors"):
            pass
    assert not compiled


def test_a_step_is_traced_once_and_compiled_beside(tmp_path, monkeypatch):
    traced, begun = [], []
    lower, begin = programs.lower, ahead.begin
    monkeypatch.setattr(programs, "lower", lambda *of: traced.append(of) or lower(*of))
    monkeypatch.setattr(ahead, "begin", lambda work: begun.append(work) or begin(work))
    with opened(tmp_path) as run:
        program = run.programs((), run.state)
        assert len(traced) == 1
        assert len(begun) == 2  # the first state and the step
        state, _ = program(run.state, run.setup.runner.send(next(run.batches)))
        assert int(state.step) == 1
