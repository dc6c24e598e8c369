"""Parquet files of Hugging Face's `datasets`."""

import json
import pickle

import pytest

from effjax.data import DataConfig
from effjax.data.images.decode import decode
from effjax.data.sources.open import open_examples
from effjax.data.sources.parquet import Parquet
from effjax.errors import UserError
from tests.data.sources.test_class_folders import png

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path, rows, labels=None, names=("cat", "dog"), column="label"):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": png(k), "path": f"{k}.png"} for k in rows]
    labels = [k % 2 for k in rows] if labels is None else labels
    table = pyarrow.table({"image": images, column: labels})
    if names:
        features = {column: {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    pq.write_table(table, path, row_group_size=3)


def values(source):
    pairs = [source[row] for row in range(len(source))]
    return [(int(decode(data)[0, 0, 0]), source.class_names[label]) for data, label in pairs]


def test_splits_and_names(tmp_path):
    write(tmp_path / "data/train-00000-of-00002.parquet", [0, 1])
    write(tmp_path / "data/train-00001-of-00002.parquet", [2])
    write(tmp_path / "data/test-00000-of-00001.parquet", [3, 4])
    train = open_examples(DataConfig(name=str(tmp_path)), "train")
    assert isinstance(train, Parquet)
    assert values(train) == [(0, "cat"), (1, "dog"), (2, "cat")]
    test = pickle.loads(pickle.dumps(Parquet(str(tmp_path), "test", 0.1, 0)))
    assert values(test) == [(3, "dog"), (4, "cat")]
    assert len(Parquet(str(tmp_path), "all", 0.1, 0)) == 5


def test_undivided_without_names(tmp_path):
    write(tmp_path / "set.parquet", range(20), names=())
    train, validation = (Parquet(str(tmp_path), split, 0.2, 0) for split in ("train", "val"))
    assert train.class_names == ("0", "1")
    assert (len(train), len(validation)) == (16, 4)


def test_mistakes_are_named(tmp_path):
    write(tmp_path / "a/train.parquet", [0, 1], labels=[0, 7])
    with pytest.raises(UserError, match="label 7 in row 1"):
        Parquet(str(tmp_path / "a"), "train", 0.1, 0)
    write(tmp_path / "b/train.parquet", [0, 1], column="kind")
    with pytest.raises(UserError, match=r"columns image, kind\nexpected one of labels"):
        Parquet(str(tmp_path / "b"), "train", 0.1, 0)
    assert Parquet(str(tmp_path / "b"), "train", 0.1, 0, "kind").class_names == ("cat", "dog")
    (tmp_path / "b/train.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        Parquet(str(tmp_path / "b"), "train", 0.1, 0)
