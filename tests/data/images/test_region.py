"""A region of a JPEG by libturbojpeg."""

import numpy as np
import pytest

from effjax.data.images.decode import decode
from effjax.data.images.region import decode_region, find_library
from tests.data.images.test_decode import encode, smooth
from tests.data.images.test_jpeg import check_boxes

needs_library = pytest.mark.skipif(find_library() is None, reason="no libturbojpeg 3 here")


@needs_library
def test_a_region_is_decoded_without_the_rest():
    check_boxes(0, decode_region)
    data = encode(smooth(), "JPEG")
    found = decode_region(data, (3, 5, 40, 50), np.empty(10, np.uint8))  # too small: not used
    np.testing.assert_array_equal(found, decode(data, fast=True)[3:43, 5:55])


@needs_library
def test_a_region_of_what_is_no_jpeg_or_damaged_above_is_refused():
    out = np.empty(1 << 16, np.uint8)
    data = encode(smooth(), "JPEG")
    for wrong in (b"", b"\xff\xd8\xff", data[: len(data) // 2], encode(smooth())):
        assert decode_region(wrong, (0, 0, 48, 64), out) is None
    assert decode_region(data, (0, 0, 49, 64), out) is None
