"""The loop on a toy task: the same numbers whole, resumed, on one device or eight, mesh or pmap."""

import json
import os
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

import effjax
from effjax.errors import NonFinite, Preempted, UserError
from effjax.report import choose_display
from effjax.runs.folder import check_writable
from effjax.runs.metrics import read_rows
from effjax.training.programs import Programs
from tests.training.toy import Line, Looking, Points, line_config


def run(config, workdir, **options):
    return effjax.train(config, workdir, display=choose_display(quiet=True), **options)


def numbers(workdir):
    """Rows without what is a matter of the clock."""
    rows = read_rows(workdir)
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole")
    return workdir, run(line_config(), workdir)


def test_it_learns_and_reports(whole):
    workdir, summary = whole
    assert summary == json.loads((workdir / "summary.json").read_text())
    assert summary["step"] == 20
    assert summary["images"] == 320
    assert summary["parameters"] == 5
    rows = numbers(workdir)
    assert [row["step"] for row in rows if "train/loss" in row] == list(range(1, 21))
    assert [row["step"] for row in rows if "val/loss" in row] == [5, 10, 15, 20]
    assert {"val/loss", "val_ema/loss"} <= set(rows[-1])
    assert summary["final"]["val/loss"] < rows[4]["train/loss"]
    assert sorted(os.listdir(workdir / "checkpoints")) == ["15", "20"]


def test_the_same_seed_gives_the_same_numbers(whole, tmp_path):
    run(line_config(), tmp_path)
    assert numbers(tmp_path) == numbers(whole[0])
    run(line_config(seed=1), tmp_path / "other")
    assert numbers(tmp_path / "other") != numbers(whole[0])


def test_a_finished_run_says_so(whole, capsys):
    before = (whole[0] / "metrics.jsonl").read_text()
    assert effjax.train(line_config(), whole[0]) == whole[1]
    assert "is finished" in capsys.readouterr().out
    assert (whole[0] / "metrics.jsonl").read_text() == before


@pytest.mark.parametrize("stop", [1, 7, 10, 19])
def test_interrupted_and_continued_is_the_same_to_the_bit(whole, tmp_path, monkeypatch, stop):
    batches = Points.batches

    def interrupting(self, start=0):
        for step, batch in enumerate(batches(self, start), start):
            if step + 1 == stop:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    with monkeypatch.context() as patched:
        patched.setattr(Points, "batches", interrupting)
        with pytest.raises(Preempted, match=f"SIGTERM: saved at step {stop}"):
            run(line_config(), tmp_path)
    assert not (tmp_path / "summary.json").exists()
    run(line_config(), tmp_path)
    assert numbers(tmp_path) == numbers(whole[0])


def test_an_evaluation_that_was_broken_off_is_made_again(tmp_path, monkeypatch):
    run(line_config("Looking"), tmp_path / "whole")
    evaluations = []

    def interrupting(count):
        evaluations.append(count)
        if (
            len(evaluations) == 10
        ):  # val and val_ema of step 5, and the first two batches of step 10
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Looking, "seen", staticmethod(interrupting))
        with pytest.raises(Preempted, match="SIGTERM: saved at step 10"):
            run(line_config("Looking"), tmp_path / "run")
    assert evaluations == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert [r["step"] for r in numbers(tmp_path / "run") if "val/loss" in r] == [5]
    run(line_config("Looking"), tmp_path / "run")
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")


def test_rows_past_the_checkpoint_are_cut(whole, tmp_path):
    run(line_config(), tmp_path)
    (tmp_path / "summary.json").unlink()
    # as after a kill between two checkpoints: the newest is gone, the rows are there
    for path in sorted((tmp_path / "checkpoints" / "20").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (tmp_path / "checkpoints" / "20").rmdir()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "train/lo')
    run(line_config(), tmp_path)
    assert numbers(tmp_path) == numbers(whole[0])


def test_extend_trains_for_longer(tmp_path):
    config = line_config()
    config.schedule.name = "constant"
    run(config, tmp_path)
    config.total_steps = 30.0
    with pytest.raises(UserError, match="--extend"):
        run(config, tmp_path)
    assert run(config, tmp_path, extend=True)["step"] == 30
    assert [r["step"] for r in numbers(tmp_path) if "train/loss" in r] == list(range(1, 31))


def test_another_config_is_refused_with_the_keys_named(whole):
    config = line_config(seed=1)
    config.optim.default.learning_rate = 0.2
    with pytest.raises(
        UserError, match=r"optim\.default\.learning_rate: 0\.1 -> 0\.2; seed: 0 -> 1"
    ):
        run(config, whole[0])


def test_keys_that_cannot_change_the_result_may_differ(whole, capsys):
    config = line_config()
    config.checkpoint.keep_last, config.log.every_steps, config.parallel.devices = 5, 2.0, 1
    assert run(config, whole[0]) == whole[1]


@pytest.mark.parametrize(
    ("mode", "devices", "accumulate"),
    [("mesh", 1, 1), ("mesh", 4, 1), ("pmap", 8, 1), ("mesh", 2, 4), ("pmap", 2, 2)],
)
def test_devices_modes_and_parts_agree(whole, tmp_path, mode, devices, accumulate):
    """Random draws belong to examples, so only the order of summation differs."""
    config = line_config(accumulate=accumulate)
    config.parallel.update(mode=mode, devices=devices)
    run(config, tmp_path)
    for ours, theirs in zip(numbers(tmp_path), numbers(whole[0]), strict=True):
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=2e-4, atol=1e-5)


def test_a_nan_stops_the_run_naming_the_update(tmp_path):
    with pytest.raises(NonFinite, match="update 8 is not finite"):
        run(line_config("BadLine"), tmp_path)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["5"]
    assert [r["step"] for r in numbers(tmp_path) if "train/loss" in r] == list(range(1, 8))


def test_a_nan_may_be_skipped(tmp_path):
    summary = run(line_config("BadLine", nonfinite="skip"), tmp_path)
    rows = [row for row in read_rows(tmp_path) if "train/loss" in row]
    assert rows[7]["train/loss"] is None
    assert summary["final"]["optim/skipped"] == 1
    assert np.isfinite(summary["final"]["val/loss"])


def test_skipping_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(Line, "bad_step", 3)
    monkeypatch.setattr(Points, "batches", lambda self, start=0: always_bad(self))
    with pytest.raises(NonFinite, match="update 4 is not finite"):
        run(line_config(nonfinite="skip", nonfinite_limit=4), tmp_path)


def always_bad(points):
    while True:
        nan = {key: np.full(points.spec[key].shape, np.nan, np.float32) for key in ("x", "y")}
        yield {**nan, "index": np.arange(points.batch_size, dtype=np.int32)}


def test_a_key_that_nothing_reads_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(Programs, "__call__", None)  # nor is anything compiled
    config = line_config()
    config.mix.mixup = 0.8
    with pytest.raises(UserError, match=r"nothing reads it: config\.mix\.mixup"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_workdir_that_cannot_be_written_is_refused_before_compiling(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
    (tmp_path / "file").write_text("")
    for workdir in (tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(UserError, match="cannot write to --workdir="):
            check_writable(workdir)


def test_keep_best_saves_when_it_is_better(tmp_path):
    config = line_config()
    config.checkpoint.update(every_steps=None, keep_best="val/loss", keep_last=1)
    run(config, tmp_path)
    rows = {row["step"]: row["val/loss"] for row in read_rows(tmp_path) if "val/loss" in row}
    best = min(rows, key=rows.get)
    assert str(best) in os.listdir(tmp_path / "checkpoints")


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    run(line_config(), tmp_path)
    reference = numbers(tmp_path)
    (tmp_path / "summary.json").unlink()
    folder = tmp_path / "checkpoints" / "20"
    data = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    run(line_config(), tmp_path)
    assert "checkpoint 20 is damaged" in capsys.readouterr().err
    assert numbers(tmp_path) == reference


def test_too_many_devices_or_an_odd_batch(tmp_path):
    config = line_config()
    config.parallel.devices = 99
    with pytest.raises(UserError, match=f"{jax.device_count()} device"):
        run(config, tmp_path / "a")
    config.parallel.devices, config.data.batch_size = 8, 12
    with pytest.raises(UserError, match="multiple of 8"):
        run(config, tmp_path / "b")
