"""Rows are worked on in threads, in order, without holding many at once."""

import threading

import pytest

from effjax.data.threads import AHEAD, map_rows


def test_results_come_in_order_from_several_threads():
    both = threading.Barrier(2)

    def square(row):
        if row < 2:
            both.wait(10)  # only two threads together get past
        return row * row

    assert list(map_rows(square, range(5))) == [0, 1, 4, 9, 16]


def test_only_so_many_are_ahead_and_an_error_arrives_where_it_belongs():
    started = []

    def work(row):
        started.append(row)
        if row == 3:
            raise ValueError("three")
        return row

    found = map_rows(work, range(10 * AHEAD))
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)
    assert max(started) < AHEAD
