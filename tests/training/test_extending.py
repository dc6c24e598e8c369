"""A run that is made longer: from which step, with which rate, and what is kept."""

import json

import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from tests.training.toy import line_config

QUIET = choose_display(quiet=True)


def config(steps, schedule, **changes):
    made = line_config(total_steps=steps, **changes)
    made.schedule.update(name=schedule, warmup_steps=2.0)
    made.parallel.devices = 1
    return made


def run(config, workdir, **arguments):
    return effjax.train(config, workdir, display=QUIET, **arguments)


def trained(workdir):
    """The rows, without what is measured in seconds."""
    rows = []
    for row in read_rows(workdir):
        rows.append({name: row[name] for name in row if not name.startswith("perf/")})
    return rows


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A run of 20 steps whose rate decays from step 16 on, extended to 30."""
    workdir = tmp_path_factory.mktemp("wsd")
    run(config(20.0, "wsd"), workdir)
    run(config(30.0, "wsd"), workdir, extend=True)
    return workdir


def test_a_branch_from_the_trunk_is_the_longer_run_to_the_bit(extended, tmp_path):
    run(config(30.0, "wsd"), tmp_path)
    assert trained(extended) == trained(tmp_path)


def test_what_the_branch_left_is_a_run_of_its_own(extended):
    kept = extended / "until-20"
    assert json.loads((kept / "summary.json").read_text())["step"] == 20
    assert read_rows(kept)[-1]["step"] == 20
    setup, state = effjax.tasks.run.restore(kept, QUIET)
    assert int(state.step) == setup.clock.total_steps == 20


def test_the_rate_goes_on_as_asked_and_is_recorded(tmp_path, capsys):
    run(config(10.0, "cosine"), tmp_path)
    longer = config(16.0, "cosine")
    with pytest.raises(UserError, match=r"the learning rate is 0 where"):
        run(longer, tmp_path, extend="constant")
    effjax.train(longer, tmp_path, extend="restart", display=choose_display())
    shown = capsys.readouterr().out
    assert "extended from 10 to 16 steps (the schedule begins anew)" in shown
    assert "step 10, 0 after it" in shown
    stored = json.loads((tmp_path / "config.json").read_text())["config"]
    assert stored["schedule"]["extended"] == [[10, "restart"]]
    rates = {row["step"]: row["optim/lr"] for row in read_rows(tmp_path) if "optim/lr" in row}
    assert rates[11] == 0.0
    assert rates[13] == pytest.approx(0.1)
    # the same command, with or without the flag, has nothing to do; another way is refused
    assert run(config(16.0, "cosine"), tmp_path)["step"] == 16
    assert run(config(16.0, "cosine"), tmp_path, extend="restart")["step"] == 16
    with pytest.raises(UserError, match=r"extended after 10 steps with --extend=restart; got"):
        run(config(16.0, "cosine"), tmp_path, extend="cooldown")


@pytest.mark.parametrize("extend", [False, True, "restart"])
def test_a_shorter_run_is_refused(extended, extend):
    with pytest.raises(UserError, match=r"a shorter run is one of its own: give another --workdir"):
        run(config(12.0, "wsd"), extended, extend=extend)
