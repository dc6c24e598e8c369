"""Small files of other shapes, and a disk that is full."""

import errno
from pathlib import Path

import pytest

from effjax.errors import UserError
from effjax.trials import json_files
from effjax.trials.json_files import (
    is_disk_full,
    parse_object,
    read_object,
    read_objects,
    write_csv,
    write_text,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a list, not an object"),
        ("null", "null, not an object"),
        ("{", "no JSON"),
        ("[" * 10_000, "no JSON"),
        ("{}", "an object without 'key'"),
        ('{"key": []}', "an object whose 'key' is a list"),
    ],
)
def test_json_of_another_shape_is_two_lines(text, message, tmp_path):
    path = tmp_path / "small.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_object(path, {"key": str})
    assert len(str(caught.value).splitlines()) == 2
    assert str(path) in str(caught.value)


def test_what_is_asked_for_is_enough():
    found = parse_object('{"key": "a", "more": 1}', "here", {"key": str})
    assert found == {"key": "a", "more": 1}
    with pytest.raises(UserError, match=r"none\.json cannot be read"):
        read_object(Path("none.json"), {})


def test_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_objects(path, {}) == []
    path.write_text('{"a": 1}\n\n{"a": 2}\n{"a": ')  # the last line was cut by a kill
    assert read_objects(path, {"a": int}) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n3\n')
    with pytest.raises(UserError, match="line 2 is not what effjax writes"):
        read_objects(path, {"a": int})


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "write_atomically", refuse)
    with pytest.raises(UserError, match="No space left on device") as caught:
        write_text(tmp_path / "a.txt", "text")
    assert is_disk_full(caught.value)
    assert not is_disk_full(UserError("unknown model"))
    assert list(tmp_path.iterdir()) == []


def test_csv(tmp_path):
    write_csv(tmp_path / "new/a.csv", [["a", "b"], [None, "x, y"]])
    assert (tmp_path / "new/a.csv").read_text().splitlines() == ["a,b", ',"x, y"']
