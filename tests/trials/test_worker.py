"""One run: what goes wrong in it is written to its folder, or ends the sweep."""

import errno

import pytest

from effjax.errors import NonFinite, Preempted, UserError
from effjax.trials import worker
from effjax.trials.worker import (
    describe_error,
    forget_failure,
    is_over,
    main,
    read_failure,
    train_trial,
    worker_command,
)


def fail_with(monkeypatch, error):
    def train(config, workdir, display):
        workdir.mkdir(parents=True)
        raise error

    monkeypatch.setattr(worker, "train", train)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("unknown mixer\nknown: pooling"), "unknown mixer"),
        (NonFinite("update 3 is not finite"), "update 3 is not finite"),
        (KeyError("stage"), "KeyError: 'stage'"),
        (ValueError(""), "ValueError: "),
    ],
)
def test_what_a_run_raises_is_its_reason(error, reason, tmp_path, monkeypatch):
    fail_with(monkeypatch, error)
    train_trial(None, tmp_path / "run", None)
    assert read_failure(tmp_path / "run") == reason == describe_error(error)
    assert is_over(tmp_path / "run")
    forget_failure(tmp_path / "run")
    assert not is_over(tmp_path / "run")


def test_a_full_disk_is_no_failure_of_the_variant(tmp_path, monkeypatch):
    """The sweep ends with one sentence; the variant is not marked, and no empty folder stays."""
    try:
        raise UserError("cannot write") from OSError(errno.ENOSPC, "No space left on device")
    except UserError as error:
        fail_with(monkeypatch, error)
    with pytest.raises(UserError, match="the disk is full\nmake room"):
        train_trial(None, tmp_path / "variant/seed0", None)
    assert not (tmp_path / "variant").exists()


def test_a_stop_is_no_failure(tmp_path, monkeypatch):
    fail_with(monkeypatch, Preempted("saved"))
    with pytest.raises(Preempted):
        train_trial(None, tmp_path / "run", None)
    assert not is_over(tmp_path / "run")


def test_the_program_refuses_a_config_of_another_shape(tmp_path, capsys):
    assert worker_command(tmp_path)[-1] == str(tmp_path)
    (tmp_path / "trial.json").write_text("[]")
    assert main(str(tmp_path)) == 1
    assert "trial.json holds a list" in capsys.readouterr().err
