"""TFRecord directories are read and converted without TensorFlow."""

import json
import pathlib

import pytest

from effjax.data import DataConfig
from effjax.data.sources.open import open_examples, open_splits
from effjax.data.sources.records import Records
from effjax.data.sources.tfrecord import TfRecords, index
from effjax.data.tools.prepare import prepare
from effjax.errors import UserError


def as_tfrecord(photo_folder, tmp_path):
    """The folder as TFDS would have written it by default."""
    from array_record.python.array_record_module import ArrayRecordReader

    prepare(str(photo_folder), str(tmp_path / "records"))
    directory = tmp_path / "records" / "1.0.0"
    for path in directory.glob("*.array_record*"):
        reader = ArrayRecordReader(str(path))
        records = [reader.read([i])[0] for i in range(6)]
        framed = (len(r).to_bytes(8, "little") + bytes(4) + r + bytes(4) for r in records)
        pathlib.Path(str(path).replace("array_record", "tfrecord")).write_bytes(b"".join(framed))
        reader.close()
        path.unlink()
    info = directory / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    assert json.loads(info.read_text())["fileFormat"] == "tfrecord"

    return directory


def test_tfrecord_directories_are_converted(photo_folder, tmp_path):
    directory = as_tfrecord(photo_folder, tmp_path)
    with pytest.raises(UserError, match="effjax data prepare"):
        Records(str(directory), "train")
    for src, out in ((directory, "one"), (directory.parent, "two")):
        assert prepare(str(src), str(tmp_path / out)) == {"train": 6, "validation": 6}
        stored, source = open_splits(str(tmp_path / out)), open_splits(str(photo_folder))
        assert all(stored["train"][i] == source["train"][i] for i in range(6))


def test_a_directory_is_trained_on_as_it_is(photo_folder, tmp_path):
    as_tfrecord(photo_folder, tmp_path)
    config = DataConfig(name=str(tmp_path / "records"))
    for split, count in (("train", 6), ("all", 12)):
        source = open_examples(config, split)
        assert isinstance(source, TfRecords)
        assert len(source) == count
    assert source.class_names == ("cat", "dog")
    assert source.labels().tolist() == [0, 0, 0, 1, 1, 1] * 2


def test_a_file_that_is_cut_is_named(tmp_path):
    record = (5).to_bytes(8, "little") + bytes(4) + b"hello" + bytes(4)
    (tmp_path / "x.tfrecord").write_bytes(2 * record)
    assert index(str(tmp_path / "x.tfrecord")) == [(12, 5), (12 + len(record), 5)]
    for size in (len(record) + 3, 2 * len(record) - 1):
        (tmp_path / "x.tfrecord").write_bytes((2 * record)[:size])
        with pytest.raises(UserError, match="cut inside record 1"):
            index(str(tmp_path / "x.tfrecord"))
