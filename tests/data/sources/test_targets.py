"""CSV lists of images with several labels each, or with measurements."""

import numpy as np
import pytest

from effjax.data import DataConfig
from effjax.data.sources.examples import identity
from effjax.data.sources.open import open_examples
from effjax.errors import UserError

TAGS = "image,tags\n" + "".join(f"{k}.png,{t}\n" for k, t in enumerate(["cat;dog", "", "dog"] * 4))
NUMBERS = "image,cat,age,split\n" + "".join(
    f"{k}.png,{k % 2},{k / 2},{'train' if k < 8 else 'validation'}\n" for k in range(12)
)


def written(folder, text):
    (folder / "list.csv").write_text(text)
    for k in range(12):
        (folder / f"{k}.png").write_bytes(b"png")
    return str(folder / "list.csv")


def test_names_become_a_table(tmp_path):
    config = DataConfig(name=written(tmp_path, TAGS), label_separator=";", val_share=0.25)
    train = open_examples(config, "train")
    held_out = open_examples(config, "validation")
    assert train.class_names == ("cat", "dog")
    assert (len(train), len(held_out)) == (9, 3)
    rows = sorted([*train.labels().tolist(), *held_out.labels().tolist()])
    assert rows == list(range(12))  # a label is a row of the list
    for examples in (train, held_out):
        for place, row in enumerate(examples.labels()):
            assert examples.name(place).endswith(f"/{row}.png")
            assert examples.table[row].tolist() == [[1, 1], [0, 0], [0, 1]][row % 3]


def test_columns_of_numbers_and_their_parts(tmp_path):
    config = DataConfig(name=written(tmp_path, NUMBERS), targets=("cat", "age"))
    train = open_examples(config, "train")
    np.testing.assert_array_equal(train.table[:3], [[0, 0], [1, 0.5], [0, 1]])
    assert train.labels().tolist() == list(range(8))
    half = open_examples(config, "train[:50%]")
    assert len(half) == 4
    np.testing.assert_array_equal(half.table, train.table)
    both = open_examples(config, "train[:50%]+validation")
    np.testing.assert_array_equal(both.table, train.table)


def test_other_numbers_are_other_data(tmp_path):
    config = DataConfig(name=written(tmp_path, NUMBERS), targets=("age",))
    before = identity(open_examples(config, "train"))
    written(tmp_path, NUMBERS.replace("1.png,1,0.5", "1.png,1,0.75"))
    assert identity(open_examples(config, "train"))["fingerprint"] != before["fingerprint"]


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        (NUMBERS, {"targets": ("aeg",)}, "has no column 'aeg'; did you mean 'age'"),
        (NUMBERS.replace("0.5", "old"), {"targets": ("age",)}, r"row 3: age = 'old' is no finite"),
        (TAGS, {"label_separator": ";", "targets": ("tags",)}, "give one of them"),
        ("image,tags\n1.png,\n", {"label_separator": ";"}, "names no label of any image"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path, text, keys, message):
    with pytest.raises(UserError, match=message):
        open_examples(DataConfig(name=written(tmp_path, text), **keys), "train")
