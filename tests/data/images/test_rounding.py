"""Sums in float32 are cut off as if they were exact."""

import cv2
import numpy as np
import pytest
from PIL import Image

from effjax.data.images.rounding import MARGIN, blend, cut_blend, cut_off, settle


def cut(sums):
    low, high = np.empty((2, *sums.shape), np.uint8)
    cut_off(sums, low, high)
    return low, high


def test_a_sum_is_cut_off_behind_the_point():
    sums = np.array([[0.25, 1.5, 2.999, 254.75, 255.0, 300.0]], np.float32)
    low, high = cut(sums)
    np.testing.assert_array_equal(low, [[0, 1, 2, 254, 254, 255]])
    np.testing.assert_array_equal(high, [[0, 1, 2, 254, 255, 255]])


def test_only_sums_near_a_whole_number_are_in_doubt():
    below, above = np.float32(7 - MARGIN / 2), np.float32(7 + MARGIN / 2)
    low, high = cut(np.array([[below, above, 7 - 4 * MARGIN, 7 + 4 * MARGIN]], np.float32))
    np.testing.assert_array_equal(low, [[6, 6, 6, 7]])
    np.testing.assert_array_equal(high, [[7, 7, 6, 7]])


def test_doubts_are_settled_where_values_differ():
    low = np.array([[1, 2, 3]], np.uint8)
    high = np.array([[1, 3, 4]], np.uint8)
    differ = np.array([[255, 255, 0]], np.uint8)
    asked = []

    def exact(places):
        asked.extend(places)
        return np.array([2.9])

    np.testing.assert_array_equal(settle(low, high, differ, exact), [[1, 2, 4]])
    assert asked == [1]


def test_a_blend_lies_between_its_bounds():
    values = np.arange(256, dtype=np.uint8)
    start, end = np.repeat(values, 256)[None], np.tile(values, 256)[None]
    for share in (0.1, 1.7):
        low, high = cut_blend(start, end, share)
        exact = start + share * (end.astype(float) - start)
        whole = np.clip(np.floor(exact), 0, 255)
        near = np.abs(exact - np.rint(exact)) < MARGIN
        assert ((low == whole) & (high == whole) | near).all()
        assert (low <= high).all()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0, 1.3, 1.9, 17 / 255, 200.5])
def test_a_blend_of_every_two_values_is_pillows(share):
    values = np.arange(256, dtype=np.uint8)
    columns = cv2.merge([np.tile(values, (256, 1))] * 3)
    rows = cv2.transpose(columns)
    expected = Image.blend(Image.fromarray(rows), Image.fromarray(columns), share)
    np.testing.assert_array_equal(blend(rows, columns, share), np.asarray(expected))
