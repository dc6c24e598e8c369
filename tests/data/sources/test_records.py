"""Prepared data: splits, sub-splits, labels."""

import pytest

from effjax.data.sources.catalog import prepared_directory
from effjax.data.sources.examples import BadExample, read_example
from effjax.data.sources.records import Records


def test_sub_splits(digits_dir):
    directory = prepared_directory("digits", digits_dir)
    part = Records(directory, "train[100:200]")
    whole = Records(directory, "train")
    assert [part[i] for i in range(100)] == [whole[100 + i] for i in range(100)]


def test_usual_names_of_splits_are_understood(digits_dir):
    directory = prepared_directory("digits", digits_dir)
    assert Records(directory, "val[:50%]").split == "validation[:50%]"
    assert len(Records(directory, "train+val[:10]")) == 1447


def test_a_label_that_is_none_is_a_bad_row(digits_dir, monkeypatch):
    source = Records(prepared_directory("digits", digits_dir), "train[:5]")
    assert source.labels().tolist() == [source[row][1] for row in range(5)]
    monkeypatch.setattr(source, "class_names", ("0",))  # as if it had one class
    bad = [row for row in range(5) if source._features(row)["label"].int64_list.value[0] > 0]
    with pytest.raises(BadExample, match=r"label \d, expected 0 to 0"):
        read_example(source, bad[0])
