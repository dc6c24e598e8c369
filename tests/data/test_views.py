"""What is kept in memory is the same, and refused where it does not fit."""

import numpy as np
import pytest

from effjax.data.pixels import Pixels
from effjax.data.views import require_memory
from effjax.errors import UserError
from tests.data.test_stream import Files, training


@pytest.mark.parametrize("crop", ["none", "pad", "random_resized"])
def test_what_is_kept_is_read_once_and_the_same(crop):
    files, kept = Files(), Files()
    boxes = crop == "random_resized"
    plain = training(Pixels(files, skip=True), crop=crop, hflip=0.5)
    quick = training(Pixels(kept, keep=boxes, skip=True), keep=True, crop=crop, hflip=0.5)
    for position in range(24):
        one, other = plain(position), quick(position)
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    assert sorted(kept.reads) == list(range(12))
    # a broken file is not read again
    assert len(files.reads) == 23


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    pages = {"SC_PHYS_PAGES": 12 * 8 * 8 * 3 * 2, "SC_PAGE_SIZE": 1}
    monkeypatch.setattr("os.sysconf", pages.get)
    require_memory(Pixels(Files(), skip=True), processes=1)  # exactly half
    with pytest.raises(UserError, match="short-side"):
        require_memory(Pixels(Files(), skip=True), processes=2)
    require_memory(Pixels(Files(), skip=True), processes=1, view=8 * 8 * 3)
    with pytest.raises(UserError, match="over half"):
        require_memory(Pixels(Files(), skip=True), processes=1, view=8 * 8 * 3 + 1)
