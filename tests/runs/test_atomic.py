"""A file is written whole or not at all."""

import os

import pytest

from effjax.runs.atomic import write_atomically
from tests.runs.full_disk import full_disk


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        write_atomically(path, "new" * 100)
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]
    assert path.read_text() == "old"


def test_a_device_stays_a_device_and_a_link_a_link(tmp_path):
    null = tmp_path / "null"
    os.mkfifo(null)
    reader = os.open(null, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(null, "text")
    assert (os.read(reader, 10), null.is_fifo()) == (b"text", True)
    os.close(reader)
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
