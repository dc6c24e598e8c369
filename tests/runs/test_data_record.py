"""What differs between two data sets is named."""

import pytest

from effjax.runs.data_record import describe_data, difference

RECORD = {"examples": 32, "classes": ["cat", "dog", "eel"], "fingerprint": "a" * 16}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"examples": 96}, "32 training examples then, 96 now"),
        ({"classes": ["dog", "cat", "eel"]}, "the same classes in another order"),
        ({"classes": ["cat", "dog", "fox"]}, "classes 'eel' then, 'fox' now"),
        ({"classes": ["cat", "dog"]}, "classes 'eel' then, 2 in all now"),
        (
            {"fingerprint": "b" * 16},
            "as many examples and the same classes, but other images, labels or another order",
        ),
    ],
)
def test_the_first_difference_is_named(change, expected):
    assert difference(RECORD, RECORD | change) == expected


def test_what_only_one_of_them_knows_is_not_compared():
    assert difference({"examples": 32}, RECORD) is None
    assert difference({}, RECORD) is None


class Points:
    num_examples = 640


class Named(Points):
    def identity(self):
        return RECORD


def test_a_source_is_described_by_its_identity_or_its_length():
    assert describe_data(Points()) == {"examples": 640}
    assert describe_data(Named()) == RECORD
