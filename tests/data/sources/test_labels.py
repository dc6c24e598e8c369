"""Labels are whole numbers below K."""

import numpy as np
import pytest

from effjax.data.sources.labels import count_classes, require_below, require_label, whole_labels
from effjax.errors import UserError


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
def test_whole_numbers_of_any_type(kind):
    found = whole_labels(np.array([[0], [1], [1]], kind), "set.npz")
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, -1, 1], "label -1 in row 1"),
        ([0.7, 1.7], r"label 0\.7 in row 0 and 1 more"),
        ([0.0, np.nan], "label nan in row 1"),
        ([0.0, np.inf], "label inf in row 1"),
        (["cat", "dog"], "label cat in row 0 and 1 more"),
        (np.array([0, 2**63], np.uint64), "label 9223372036854775808 in row 1"),
    ],
)
def test_others_are_refused_with_value_and_row(values, said):
    with pytest.raises(UserError, match=f"set.npz: {said}\n.*whole number"):
        whole_labels(np.array(values), "set.npz")


def test_labels_start_at_zero_and_there_are_no_more_classes_than_images():
    assert count_classes(np.array([0, 3, 1, 0]), "set.npz") == 4
    with pytest.raises(UserError, match=r"lowest label is 1.*\nlabels start at 0: subtract 1"):
        count_classes(np.array([1, 2, 3]), "set.npz")
    with pytest.raises(UserError, match="label 4294967297 in row 1"):
        count_classes(np.array([0, 2**32 + 1]), "set.npz")


def test_no_split_knows_more_classes_than_training():
    with pytest.raises(UserError, match="label 9 in row 2\nexpected 0 to 3, as in training"):
        require_below(np.array([0, 1, 9]), 4, "set.npz (val)")
    assert require_label(3, 4) == 3
    with pytest.raises(UserError, match="label -1, expected 0 to 3"):
        require_label(-1, 4)
