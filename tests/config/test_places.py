"""Folders here, or in a bucket."""

from pathlib import Path

import pytest

from effjax.config import as_path, is_remote
from effjax.errors import UserError


def test_a_folder_of_this_machine():
    assert as_path("runs/x") == Path("runs/x")
    assert not is_remote("runs/x")
    assert is_remote("gs://bucket/x")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("gs:/bucket/x", "has one slash"),
        ("gs://", "is no place for a run"),
        ("s3://bucket/x", "is no place for a run"),
    ],
)
def test_addresses_that_are_none(place, said):
    with pytest.raises(UserError, match=said):
        as_path(place)
