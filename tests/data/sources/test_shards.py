"""WebDataset shards are read without conversion."""

import io
import json
import pickle
import tarfile

import numpy as np
import pytest

from effjax.data import DataConfig
from effjax.data.images.decode import decode
from effjax.data.sources.open import open_examples
from effjax.data.sources.shards import Shards
from effjax.errors import UserError
from tests.data.sources.test_class_folders import png


def write(path, *members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def example(k, label, form="cls"):
    text = label if form == "cls" else json.dumps({"label": label})
    return (f"{k:03}.png", png(k)), (f"{k:03}.{form}", str(text).encode())


def values(source):
    pairs = [source[row] for row in range(len(source))]
    return [(int(decode(data)[0, 0, 0]), source.class_names[label]) for data, label in pairs]


@pytest.mark.parametrize("form", ["cls", "json"])
def test_shards_of_splits(tmp_path, form):
    numbers = {"set-train-000.tar": (0, 1), "set-train-001.tar": (2,), "set-val-000.tar": (3, 4)}
    for name, rows in numbers.items():
        write(tmp_path / name, *(m for k in rows for m in example(k, k % 2, form)))
    train = open_examples(DataConfig(name=str(tmp_path)), "train")
    assert isinstance(train, Shards)
    assert values(train) == [(0, "0"), (1, "1"), (2, "0")]
    validation = pickle.loads(pickle.dumps(Shards(str(tmp_path), "validation", 0.1, 0)))
    assert values(validation) == [(3, "1"), (4, "0")]
    assert validation.name(0).endswith("set-val-000.tar/003.png")
    assert len(Shards(str(tmp_path), "all", 0.1, 0)) == 5


def test_undivided_shards_with_names(tmp_path):
    for shard in range(2):
        rows = range(10 * shard, 10 * shard + 10)
        names = ("dog", "cat")
        write(tmp_path / f"{shard:05}.tar", *(m for k in rows for m in example(k, names[k % 2])))
    train, validation = (Shards(str(tmp_path), split, 0.2, 0) for split in ("train", "val"))
    assert train.class_names == ("cat", "dog")
    assert (len(train), len(validation)) == (16, 4)
    assert np.bincount(validation.labels()).tolist() == [2, 2]
    assert sorted(k for k, _ in values(train) + values(validation)) == list(range(20))


def test_mistakes_are_named(tmp_path):
    write(tmp_path / "a/0.tar", *example(0, 0), ("001.png", png(1)))
    with pytest.raises(UserError, match=r"001\.png has no label\n.*\.cls"):
        Shards(str(tmp_path / "a"), "all", 0.1, 0)
    write(tmp_path / "b/0.tar", *example(0, 1), *example(1, 1))
    with pytest.raises(UserError, match="labels start at 0"):
        Shards(str(tmp_path / "b"), "all", 0.1, 0)
    write(tmp_path / "b/train-1.tar", *example(0, 0))
    with pytest.raises(UserError, match="some shards name their split"):
        Shards(str(tmp_path / "b"), "all", 0.1, 0)
