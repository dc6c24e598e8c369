"""Runs are read out of their folders, finished or not."""

import json

import pytest

from effjax import cli


def write_run(folder, rows: str, finished: bool) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"config": {"seed": folder.name}}))
    (folder / "metrics.jsonl").write_text(rows)
    if finished:
        summary = {"step": 2, "final": {}, "best": {}, "wall_seconds": 1.0, "parameters": 7}
        (folder / "summary.json").write_text(json.dumps(summary))


def test_compare_reads_folders_and_writes_where_it_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    row = '{"step": 1, "train/loss": 0.5, "val/top1": 0.25}\n'
    write_run(tmp_path / "a", row, finished=True)
    write_run(tmp_path / "b", row + '{"step": 2, "train/lo', finished=False)
    cli.main(["compare", "a", "b", "a", "--out=both.png"])
    told = capsys.readouterr().out
    assert "2 runs in" in told
    assert "* unfinished" in told
    assert "picture: both.png" in told
    assert (tmp_path / "both.png").exists()


def test_a_run_without_rows_is_a_mistake(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "a", "", finished=False)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["compare", "a"])
    assert exit_.value.code == 1
    assert "a has no rows in metrics.jsonl yet" in capsys.readouterr().err
    assert not (tmp_path / "compare.png").exists()
