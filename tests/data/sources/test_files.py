"""Folders, zips and tars of class folders give the same examples; the seeded split is a split."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.sources.class_folders import ImageFiles
from effjax.data.sources.files import open_files
from effjax.data.sources.splits import in_split
from effjax.errors import UserError


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (value, 0, 0)).save(file, format="PNG")
    return file.getvalue()


def members(layout):
    """{path: (bytes, value)}; each class has its own tens."""
    tree = {
        "split": [
            f"{s}/{c}/{i}.png" for s in ("train", "val") for c in ("cat", "dog") for i in "123"
        ],
        "flat": [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(10)],
    }[layout]
    return {path: png(value) for value, path in enumerate(tree)}


def pack(kind, files, tmp_path, top=""):
    extra = {f"{top}README.txt": b"hello", f"{top}.DS_Store": b"", "__MACOSX/cat/._1.png": b"x"}
    files = {top + name: data for name, data in files.items()} | extra
    if kind == "folder":
        for name, data in files.items():
            (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name).write_bytes(data)
        return str(tmp_path / "set")
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return str(path)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


def values(source):
    return [
        (int(decode(data)[0, 0, 0]), label)
        for data, label in (source[i] for i in range(len(source)))
    ]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
@pytest.mark.parametrize("top", ["", "photos/"])
def test_every_container_gives_the_same(kind, top, tmp_path):
    path = pack(kind, members("split"), tmp_path, top)
    source = ImageFiles(open_files(path), "validation", 0.1, 0)
    assert source.class_names == ("cat", "dog")
    assert values(source) == [(6, 0), (7, 0), (8, 0), (9, 1), (10, 1), (11, 1)]
    assert source.name(0) == f"{path}/{top}val/cat/1.png"
    assert values(pickle.loads(pickle.dumps(source))) == values(source)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_undivided_sets_are_divided_the_same_way(kind, tmp_path):
    path = pack(kind, members("flat"), tmp_path)
    train, validation = (
        ImageFiles(open_files(path), split, 0.2, 0) for split in ("train", "validation")
    )
    assert (len(train), len(validation)) == (16, 4)
    assert sorted(values(train) + values(validation)) == [(i, i // 10) for i in range(20)]
    assert np.bincount([label for _, label in values(validation)]).tolist() == [2, 2]


def test_division_depends_on_the_seed_and_little_on_new_files():
    names, labels = [f"a/{i}" for i in range(100)], np.zeros(100, int)
    first = in_split("validation", names, labels, 0.2, 0, "here")
    assert first.sum() == 20
    assert (first != in_split("validation", names, labels, 0.2, 1, "here")).any()
    more = in_split("val", [*names, *"bcde"], np.zeros(104, int), 0.2, 0, "here")
    assert (first & ~more[:100]).sum() + (~first & more[:100]).sum() <= 5
    np.testing.assert_array_equal(first, ~in_split("train", names, labels, 0.2, 0, "here"))


def test_every_class_validates():
    labels = np.array([0] * 30 + [1] * 3)
    chosen = in_split("validation", [str(i) for i in range(33)], labels, 0.1, 0, "here")
    assert np.bincount(labels[chosen]).tolist() == [3, 1]


def test_classes_are_those_of_all_splits(tmp_path):
    files = {"train/a/1.png": png(1), "train/b/1.png": png(2), "test/b/1.png": png(3)}
    source = ImageFiles(open_files(pack("folder", files, tmp_path)), "test", 0.1, 0)
    assert source.class_names == ("a", "b")
    assert values(source) == [(3, 1)]


def test_mistakes_are_named(tmp_path):
    flat = pack("folder", {"1.png": png(0)}, tmp_path / "a")
    with pytest.raises(UserError, match="<class>/<image>"):
        ImageFiles(open_files(flat), "train", 0.1, 0)
    empty = pack("folder", {"cat/notes.md": b""}, tmp_path / "b")
    with pytest.raises(UserError, match="no images"):
        ImageFiles(open_files(empty), "train", 0.1, 0)
    split = pack("folder", members("split"), tmp_path / "c")
    with pytest.raises(UserError, match="known: train, val"):
        ImageFiles(open_files(split), "test", 0.1, 0)
    packed = tmp_path / "set.tar"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(split, "set")
    with pytest.raises(UserError, match="not a plain tar"):
        ImageFiles(open_files(str(packed)), "train", 0.1, 0)


def test_an_archive_for_each_split(tmp_path):
    for split in ("train", "test"):
        with zipfile.ZipFile(tmp_path / f"{split}.zip", "w") as archive:
            archive.writestr("cat/1.png", png(len(split)))
        if split == "train":  # alone in its folder, an archive is the set
            assert open_files(str(tmp_path)).path.endswith("train.zip")
    source = ImageFiles(open_files(str(tmp_path)), "test", 0.1, 0)
    assert values(source) == [(4, 0)]
    assert source.name(0) == f"{tmp_path}/test/cat/1.png"
