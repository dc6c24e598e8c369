"""CSV lists of images and labels."""

import pytest
from PIL import Image

from effjax.data import DataConfig
from effjax.data.images.decode import decode
from effjax.data.sources.lists import ListedFiles
from effjax.data.sources.open import open_examples
from effjax.errors import UserError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for k in range(12):
        Image.new("RGB", (4, 4), (k, 0, 0)).save(tmp_path / "photos" / f"{k}.png")
    return tmp_path


def write(folder, *lines, name="list.csv"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return str(folder / name)


def rows(*columns, count=12):
    return [",".join(column(k) for column in columns) for k in range(count)]


def image(k):
    return f"photos/{k}.png"


def values(source):
    pairs = [source[row] for row in range(len(source))]
    return [(int(decode(data)[0, 0, 0]), source.class_names[label]) for data, label in pairs]


def test_images_labels_and_splits(folder):
    lines = rows(image, lambda k: "cat" if k % 2 else "dog", lambda k: "train" if k < 8 else "val")
    path = write(folder, "image,label,split", *lines)
    source = open_examples(DataConfig(name=path), "validation")
    assert source.class_names == ("cat", "dog")
    assert values(source) == [(8, "dog"), (9, "cat"), (10, "dog"), (11, "cat")]
    assert source.name(0) == str(folder / "photos/8.png")
    assert len(open_examples(DataConfig(name=path), "all")) == 12


def test_an_undivided_list_with_absolute_paths_and_numbers(folder):
    lines = rows(lambda k: str(folder / image(k)), lambda k: str(k % 3 + 9))
    path = write(folder, "path,class", *lines)
    train, validation = (ListedFiles(path, split, 0.25, 0) for split in ("train", "val"))
    assert train.class_names == ("9", "10", "11")  # as numbers, not as text
    assert (len(train), len(validation)) == (9, 3)


def test_one_of_several_columns_of_labels(folder):
    lines = rows(image, lambda k: "ab"[k % 2], lambda k: "xyz"[k % 3])
    path = write(folder, "file,species,genus", *lines)
    assert ListedFiles(path, "all", 0.1, 0, "genus").class_names == ("x", "y", "z")
    with pytest.raises(UserError, match=r"species, genus\nchoose one: --config.data.label=NAME"):
        ListedFiles(path, "all", 0.1, 0)
    with pytest.raises(UserError, match="did you mean 'genus'"):
        ListedFiles(path, "all", 0.1, 0, "genius")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["image,label"], "lists no images"),
        (["a,b", "photos/1.png,cat"], "such as `image,label`"),
        (["image,label", "photos/1.png"], "row 2 has 1 values, expected 2"),
        (["image,label", "photos/1.png,"], "row 2 has no label"),
    ],
)
def test_mistakes_are_named(folder, lines, said):
    with pytest.raises(UserError, match=said):
        ListedFiles(write(folder, *lines), "all", 0.1, 0)
