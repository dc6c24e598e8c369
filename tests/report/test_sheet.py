"""Contact sheets: as many columns as asked for, room for every line of a caption."""

import numpy as np
import pytest
from PIL import Image

from effjax.report.sheet import draw_sheet

PICTURE = np.zeros((8, 8, 3), np.uint8)


def size(tmp_path, captions, **options):
    path = tmp_path / "sheet.png"
    draw_sheet(path, [(PICTURE, caption) for caption in captions], **options)
    with Image.open(path) as image:
        return image.size


def test_rows_and_columns(tmp_path):
    one = size(tmp_path, ["a"])
    assert size(tmp_path, "abc", columns=3)[0] == pytest.approx(3 * one[0], abs=3)
    assert size(tmp_path, "abc", columns=2)[1] == pytest.approx(2 * one[1], abs=3)


def test_longer_captions_take_more_room(tmp_path):
    assert size(tmp_path, ["a\nb\nc"])[1] > size(tmp_path, ["a"])[1]


def test_an_empty_sheet_is_a_picture_too(tmp_path):
    assert size(tmp_path, [])[0] > 0
