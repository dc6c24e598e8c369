"""The verbs that look: what they print, and their status."""

import pytest

from effjax import cli
from effjax.inspect import doctor


def test_doctor_names_every_problem_and_fails(monkeypatch, capsys):
    found = ([("python", "3.11")], ["rich is missing: pip install rich"])
    monkeypatch.setattr(doctor, "diagnose", lambda: found)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["doctor"])
    assert exit_.value.code == 1
    assert "problem: rich is missing: pip install rich" in capsys.readouterr().out


def test_doctor_says_that_all_is_well(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "diagnose", lambda: ([("python", "3.11")], []))
    cli.main(["doctor"])
    assert "all is well" in capsys.readouterr().out


def test_one_optimizer_is_said_in_full(capsys):
    cli.main(["optimizers", "adan"])
    assert capsys.readouterr().out.startswith("adan\n")
