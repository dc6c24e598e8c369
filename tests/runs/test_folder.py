"""Whether a folder can be written, and what its summary says."""

import json
import os

import pytest

from effjax.errors import UserError
from effjax.runs.folder import check_writable, read_summary


def test_a_summary_is_read(tmp_path):
    assert read_summary(tmp_path) is None
    summary = {"step": 4, "final": {"val/top1": 0.5}, "best": {}, "images": 64}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert read_summary(tmp_path) == summary


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 10_000, '{"step": "4"}'])
def test_json_of_another_shape_is_refused(text, tmp_path):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(UserError, match=r"summary\.json .*\nremove this file"):
        read_summary(tmp_path)


def test_a_folder_that_can_be_made(tmp_path):
    check_writable(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"cannot write to --workdir=.*: Permission denied"):
        check_writable(tmp_path / "a")


def test_a_path_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to --workdir="):
        check_writable(tmp_path / "file" / "run")
