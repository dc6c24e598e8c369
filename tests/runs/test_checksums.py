"""Every change to a checkpoint's files is found."""

import json

import pytest
from etils import epath

from effjax.runs.checksums import CHECKSUMS, damage, write_checksums


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/array").write_bytes(b"weights")
    (tmp_path / "meta").write_text("{}")
    path = epath.Path(tmp_path)
    write_checksums(path)
    return path


def test_what_was_written_is_sound(folder):
    assert damage(folder) is None


def test_what_has_changed_is_named(folder):
    (folder / "state/array").write_bytes(b"weighty")
    assert damage(folder) == "state/array has changed since it was written"
    (folder / "state/array").unlink()
    assert damage(folder) == "state/array is missing"


def test_a_file_that_is_not_listed_is_named(folder):
    (folder / "state/more").write_bytes(b"")
    assert damage(folder) == "state/more was put there after it was written"


@pytest.mark.parametrize("text", ["[]", "null", "{", '{"meta": "x"}', "[" * 10000])
def test_checksums_of_another_shape_are_damage(folder, text):
    (folder / CHECKSUMS).write_text(text)
    assert CHECKSUMS in damage(folder)


def test_a_save_that_was_cut_short(folder):
    (folder / CHECKSUMS).unlink()
    assert damage(folder) == f"{CHECKSUMS} is missing (the save was cut short)"


def test_checksums_are_numbers_by_file(folder):
    assert sorted(json.loads((folder / CHECKSUMS).read_text())) == ["meta", "state/array"]
