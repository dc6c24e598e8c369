"""A file is written whole or not at all."""

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
