"""Names of splits, and the seeded division of a set without any."""

import numpy as np
import pytest

from effjax.data.sources.splits import (
    MissingSplit,
    find_split,
    find_split_expression,
    find_splits,
    in_split,
)


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


def test_a_class_of_one_image_trains_and_all_means_all():
    labels = np.array([0] * 10 + [1])
    names = [str(i) for i in range(11)]
    validation = in_split("validation", names, labels, 0.1, 0, "here")
    assert np.bincount(labels[validation], minlength=2).tolist() == [1, 0]
    assert in_split("all", names, labels, 0.1, 0, "here").all()


def test_usual_names_in_their_order_and_in_capitals():
    assert find_split("validation", ["dev", "val", "test"], "here") == "val"
    assert find_split("train", ["Train", "Test"], "here") == "Train"
    assert find_splits("all", ["b", "a"], "here") == ["a", "b"]
    assert find_split_expression("all", ["train", "val"], "here") == "train+val"
    assert find_split_expression("train[:9]+val", ["train", "val"], "here") == "train[:9]+val"
    with pytest.raises(MissingSplit, match="did you mean 'train'"):
        find_split("trian", ["train"], "here")


@pytest.mark.parametrize(
    ("wanted", "present", "typed"),
    [
        ("validation", ["train", "test"], "--config.data.val_split=test"),
        ("test", ["train", "val"], "--config.data.val_split=val"),
        ("validation", ["train"], "--config.data.val_split=train[90%:]"),
        ("train", ["a", "b"], "set data.train_split and data.val_split"),
    ],
)
def test_what_is_typed_instead_of_a_split_that_is_not_there(wanted, present, typed):
    with pytest.raises(MissingSplit) as told:
        find_split(wanted, present, "here")
    assert typed in str(told.value)
