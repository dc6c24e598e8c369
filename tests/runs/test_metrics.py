"""Rows are kept until there is room, and a folder that is gone is an error."""

import json
import shutil

import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import METRICS, MetricWriter, NoWriter, read_rows
from tests.runs.full_disk import full_disk
from tests.training import toy


def test_rows_wait_for_room(tmp_path):
    warnings = []
    writer = MetricWriter(tmp_path, 0, False, None, warnings.append)
    with full_disk(100):
        for step in range(1, 9):
            writer.write(step, {"train/loss": 1.0 / step})
        assert len(read_rows(tmp_path)) < 8
    writer.write(9, {"train/loss": 0.1})
    writer.close()
    assert [row["step"] for row in read_rows(tmp_path)] == list(range(1, 10))
    assert warnings == [f"{METRICS}: File too large; rows are kept until there is room"]


def test_later_rows_are_cut_when_a_run_continues(tmp_path):
    for start in (0, 2):
        writer = MetricWriter(tmp_path, start, False, None)
        for step in range(start + 1, 5):
            writer.write(step, {"train/loss": float(step + start)})
        writer.close()
    assert [row["train/loss"] for row in read_rows(tmp_path)] == [1.0, 2.0, 5.0, 6.0]


def test_what_is_not_finite_becomes_null(tmp_path):
    writer = MetricWriter(tmp_path, 0, False, None)
    writer.write(1, {"val/loss": float("nan"), "val/top1": 0.5})
    writer.flush()
    assert read_rows(tmp_path) == [{"step": 1, "val/loss": None, "val/top1": 0.5}]
    writer.close()


@pytest.mark.parametrize(
    "line", ['{"step": 2, "tra', "[]", "null", "7", '{"loss": 1}', "[" * 10_000]
)
def test_lines_that_are_no_rows_are_left_out(line, tmp_path):
    row = {"step": 1, "train/loss": 0.5}
    (tmp_path / METRICS).write_text(json.dumps(row) + "\n" + line + "\n")
    assert read_rows(tmp_path) == [row]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_workdir_that_is_removed_is_an_error(replaced, tmp_path):
    workdir = tmp_path / "run"
    workdir.mkdir()
    writer = MetricWriter(workdir, 0, False, None)
    writer.write(1, {"train/loss": 0.5})
    shutil.rmtree(workdir)
    if replaced:
        workdir.mkdir()
        (workdir / METRICS).touch()
    for write in (lambda: writer.write(2, {"train/loss": 0.4}), writer.flush):
        with pytest.raises(UserError, match=r"was removed or replaced while training.*\nthe same"):
            write()
    writer.close()


def test_other_hosts_write_nothing(tmp_path):
    writer = NoWriter()
    writer.write(1, {"train/loss": 0.5})
    writer.flush()
    writer.close()


class Removing(toy.Line):
    """Its workdir is removed before the batch of step 7 is there."""

    workdir = None

    def source(self):
        points = super().source()
        batches = points.batches

        def remove_at_7(start=0):
            for step, batch in enumerate(batches(start), start):
                if step == 7:
                    shutil.rmtree(self.workdir)
                yield batch

        points.batches = remove_at_7
        return points


def test_a_training_whose_workdir_is_removed_ends_with_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "Removing", Removing, raising=False)
    monkeypatch.setattr(Removing, "workdir", tmp_path / "run")
    config = toy.line_config("Removing")
    config.checkpoint.every_steps = None  # one under way would put files back
    with pytest.raises(UserError, match="was removed or replaced while training"):
        effjax.train(config, tmp_path / "run", display=choose_display(quiet=True))
    assert list(tmp_path.iterdir()) == []
