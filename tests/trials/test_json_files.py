"""Small files of other shapes, and a disk that is full."""

import errno
from typing import TypedDict

import pytest

from effjax.errors import UserError
from effjax.trials import json_files
from effjax.trials.json_files import is_disk_full, read_lines, write_csv, write_text


class Line(TypedDict):
    a: int


def test_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_lines(path, Line, "") == []
    path.write_text('{"a": 1}\n\n{"a": 2}\n{"a": ')  # the last line was cut by a kill
    assert read_lines(path, Line, "remove it") == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n3\n')
    with pytest.raises(UserError, match=r"line 2 holds a number.*\nremove it"):
        read_lines(path, Line, "remove it")


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "write_atomically", refuse)
    with pytest.raises(UserError, match="No space left on device") as caught:
        write_text(tmp_path / "a.txt", "text")
    assert is_disk_full(caught.value)
    assert is_disk_full(ValueError("INTERNAL: Failed to write: No space left on device [/a/b]"))
    assert not is_disk_full(UserError("unknown model"))
    assert list(tmp_path.iterdir()) == []


def test_csv(tmp_path):
    write_csv(tmp_path / "new/a.csv", [["a", "b"], [None, "x, y"]])
    assert (tmp_path / "new/a.csv").read_text().splitlines() == ["a,b", ',"x, y"']
