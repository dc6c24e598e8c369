"""The folder of rows: what is damaged, what the disk refuses, what is packed."""

import errno
import gzip
import json
import shutil
from pathlib import Path

import pytest

from effjax.bench.results import RESULTS, ResultsFolder, read_rows
from effjax.errors import UserError
from effjax.trials import json_files

ROW = {
    "key": "k",
    "workload": "w",
    "problem_hash": "p",
    "optimizer": "a",
    "name": "sgd",
    "number": 0,
    "settings": {},
    "seed": 0,
    "status": "failed",
    "reason": "",
    "machine": "m",
}


@pytest.mark.parametrize(
    "line", ["[]", "null", "{}", "[" * 10_000, json.dumps(ROW | {"seed": "x"}), "{"]
)
def test_a_line_of_another_shape_is_two_lines(line, tmp_path):
    (tmp_path / RESULTS).write_text(json.dumps(ROW) + "\n" + line + "\n")
    with pytest.raises(UserError, match=r"results\.jsonl, line 2 ") as caught:
        read_rows(tmp_path)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["plans", "repeats", "workloads"])
def test_small_files_of_another_shape(name, tmp_path):
    folder = ResultsFolder(tmp_path)
    (tmp_path / f"{name}.json").write_text("3")
    with pytest.raises(UserError, match=rf"{name}\.json holds a number"):
        getattr(folder, name)()


def test_a_full_disk_leaves_no_part_of_a_row(tmp_path, monkeypatch):
    folder = ResultsFolder(tmp_path)
    folder.append([ROW])

    def write_a_part(file, data):
        file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json_files, "_write_all", write_a_part)
    with pytest.raises(UserError, match="No space left on device"):
        folder.append([ROW | {"key": "other"}])
    assert [row["key"] for row in read_rows(tmp_path)] == ["k"]
    assert (tmp_path / RESULTS).read_text().endswith("}\n")


def test_packed_rows_of_an_older_revision(tmp_path):
    folder = Path("configs/bench/baselines/smoke")
    assert len(read_rows(folder)) == 525
    shutil.copy(folder / "results.jsonl.gz", tmp_path)
    data = (tmp_path / "results.jsonl.gz").read_bytes()
    (tmp_path / "results.jsonl.gz").write_bytes(data[:1000])
    with pytest.raises(UserError, match="is damaged"):
        read_rows(tmp_path)
    (tmp_path / "results.jsonl.gz").write_bytes(gzip.compress(b"3\n"))
    with pytest.raises(UserError, match="line 1 holds a number"):
        read_rows(tmp_path)


def test_merging_adds_what_is_new(tmp_path):
    one, other = ResultsFolder(tmp_path / "a"), ResultsFolder(tmp_path / "b")
    one.append([ROW])
    other.append([ROW, ROW | {"key": "new", "machine": other.machine}])
    assert one.merge(tmp_path / "b") == 1
    assert one.keys() == {"k", "new"}
    assert [machine["id"] for machine in one.machines()] == [other.machine]
