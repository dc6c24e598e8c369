"""Folders, zips and tars of class folders give the same examples; the seeded split is a split."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.sources.class_folders import ImageFiles, describe_ignored, find_layout
from effjax.data.sources.files import open_files
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


def put(folder, *names):
    """One-coloured images, each of its own colour."""
    for value, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(value))


def classes(path, split="all"):
    """{class: number of images}."""
    source = ImageFiles(open_files(str(path)), split, 0.1, 0)
    counts = np.bincount(source.labels(), minlength=len(source.class_names))
    return dict(zip(source.class_names, counts.tolist()))


def test_a_class_is_walked_to_the_bottom(tmp_path):
    put(tmp_path, "cat/1.png", "cat/day/2.png", "cat/day/noon/3.png", "dog/night/4.png")
    assert classes(tmp_path) == {"cat": 3, "dog": 1}


def test_one_odd_path_does_not_spoil_a_folder(tmp_path):
    put(tmp_path, "cat/1.png", "dog/2.png", "preview.png", "cat/.hidden/3.png", ".git/4.png")
    put(tmp_path, "__MACOSX/cat/5.png", "cat/._1.png")
    (tmp_path / "cat/notes.txt").write_text("hello")
    source = ImageFiles(open_files(str(tmp_path)), "all", 0.1, 0)
    assert source.class_names == ("cat", "dog")
    assert describe_ignored(source.ignored) == [
        "ignored, hidden: 4 (.git, ...)",
        "ignored, in no class folder: 1 (preview.png)",
        "ignored, no image by its ending (.txt): 1 (cat/notes.txt)",
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        # a class called train beside others
        (["bus/1.png", "train/2.png"], {"bus": 1, "train": 1}),
        (["bus/day/1.png", "train/2.png"], {"bus": 1, "train": 1}),
        (["bus/red/1.png", "train/fast/2.png"], {"bus": 1, "train": 1}),
        # splits, with a class of the same name in them
        (["train/bus/1.png", "train/train/2.png", "val/bus/3.png"], {"bus": 2, "train": 1}),
        (["train/bus/1.png", "train/car/2.png"], {"bus": 1, "car": 1}),
        (["Train/bus/1.png", "Test/bus/2.png", "extra/car/3.png"], {"bus": 2, "car": 1}),
        (["train/bus/1.png", "val/bus/deep/2.png", "val/3.png"], {"bus": 2}),
        # folders around everything
        (["a/b/cat/1.png", "a/b/dog/2.png"], {"cat": 1, "dog": 1}),
        (["a/train/cat/1.png", "a/val/cat/2.png"], {"cat": 2}),
    ],
)
def test_splits_and_classes_are_told_apart(names, found, tmp_path):
    put(tmp_path, *names)
    assert classes(tmp_path) == found


def test_what_could_be_a_split_or_a_class_is_asked(tmp_path):
    put(tmp_path, "train/cat/1.png", "train/dog/2.png", "holdout/cat/3.png")
    with pytest.raises(UserError, match=r"is 'train' a split or a class.*holdout.*\n.*val or test"):
        classes(tmp_path)


def test_letters_with_accents_are_one_class_however_they_are_written(tmp_path):
    put(tmp_path, "caf\u00e9/1.png", "cafe\u0301/2.png", "bar/3.png")
    assert classes(tmp_path) == {"bar": 1, "caf\u00e9": 2}


def test_names_are_shown_escaped(tmp_path):
    put(tmp_path, "a/1.png", "\x1b[31mred\n/2.png")
    source = ImageFiles(open_files(str(tmp_path)), "all", 0.1, 0)
    assert source.class_names == ("\x1b[31mred\n", "a")
    assert source.name(0).endswith(r"\x1b[31mred\n/2.png")
    (tmp_path / "a/x\x1b.txt").write_text("")
    assert r"x\x1b.txt" in describe_ignored(find_layout(open_files(str(tmp_path))).ignored)[0]
