"""A drawn part of a data set is like the whole, and the same each time."""

import numpy as np
import pytest

from effjax.data.sources.drawn import Drawn, draw_rows
from effjax.errors import UserError

SORTED = np.repeat(np.arange(10), 40)  # as class folders give them


class Folder:
    """Examples whose labels are sorted; without keys where `named` is false."""

    class_names = tuple("abcdefghij")

    def __init__(self, labels=SORTED, named=True):
        self._labels, self._named = labels, named

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, row):
        return b"bytes %d" % row, int(self._labels[row])

    def name(self, row):
        return f"image {row}"

    def labels(self):
        return self._labels

    def keys(self):
        return [f"key {row}" for row in range(len(self))] if self._named else ()

    def stamps(self):
        return ("stamp",)


def test_every_class_has_its_share():
    counts = np.bincount(SORTED[draw_rows(SORTED, 64, seed=0)], minlength=10)
    assert counts.sum() == 64
    assert set(counts) == {6, 7}
    unequal = np.repeat([0, 1, 2], [900, 90, 10])
    for seed in range(5):
        counts = np.bincount(unequal[draw_rows(unequal, 100, seed)], minlength=3)
        np.testing.assert_array_equal(counts, [90, 9, 1])


def test_rows_are_different_rising_and_belong_to_the_seed():
    rows = draw_rows(SORTED, 64, seed=0)
    assert len(set(rows)) == 64
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, draw_rows(SORTED, 64, seed=0))
    assert (rows != draw_rows(SORTED, 64, seed=1)).any()
    np.testing.assert_array_equal(draw_rows(SORTED, 400, seed=3), np.arange(400))


def test_every_row_is_drawn_equally_often():
    hits = np.zeros(40)
    for seed in range(400):
        hits[draw_rows(np.repeat([0, 1], 20), 10, seed)] += 1
    # binomial: 400 draws with probability 1 / 4; five standard deviations
    assert np.abs(hits - 100).max() < 5 * np.sqrt(400 * 3 / 16)


def test_it_is_a_source_that_says_what_it_drew():
    drawn = Drawn(Folder(), 64, seed=0)
    assert str(drawn) == "64 of 400 images, 6 or 7 of each of 10 classes, seed 0"
    row = int(drawn.rows[5])
    assert drawn[5] == (b"bytes %d" % row, SORTED[row])
    assert drawn.name(5) == f"image {row}"
    assert drawn.keys()[5] == f"key {row}"
    np.testing.assert_array_equal(drawn.labels(), SORTED[drawn.rows])
    assert (
        str(Drawn(Folder(), 999, seed=0)) == "400 of 400 images, 40 of each of 10 classes, seed 0"
    )


@pytest.mark.parametrize("problem", ["damaged", "large"])
def test_where_labels_are_dear_the_draw_is_over_all_alike(monkeypatch, problem):
    folder = Folder(named=False)
    if problem == "large":
        monkeypatch.setattr("effjax.data.sources.drawn.MOST_READ", 399)
    else:

        def labels():
            raise UserError("record 3 is damaged")

        monkeypatch.setattr(folder, "labels", labels)
    assert str(Drawn(folder, 64, seed=2)) == "64 of 400 images, seed 2"
