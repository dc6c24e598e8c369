"""Which channels narrow layers keep."""

import numpy as np

from effjax.compress.elastic.widths import make_divisible, order_of, ranks_of


def test_widths_are_multiples_and_lose_a_tenth_at_most():
    assert make_divisible(12, 8) == 16
    assert make_divisible(35, 8) == 32  # the nearest
    assert make_divisible(11, 8) == 16  # 8 would be less than 90 %
    assert make_divisible(1, 8) == 8


def test_important_channels_come_first():
    importance = np.array([1.0, 3.0, 2.0, 3.0])
    assert order_of(importance).tolist() == [1, 3, 2, 0]
    assert ranks_of(order_of(importance)).tolist() == [3, 0, 2, 1]


def test_widths_that_are_kept_keep_their_channels():
    importance = np.arange(6.0)
    order = order_of(importance, kept=(2, 4))
    assert order.tolist() == [1, 0, 3, 2, 5, 4]
