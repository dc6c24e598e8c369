"""Upright once: equal to Pillow's exif_transpose."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from effjax.data.images.decode import decode
from effjax.data.images.orientation import upright
from tests.data.images.test_decode import encode, smooth


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(smooth(), kind, exif=exif.tobytes())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode(data), expected)


def test_upright_is_its_own_reverse_where_it_should_be():
    for orientation in (1, 2, 3, 4, 5, 7):
        twice = upright(upright(smooth(), orientation), orientation)
        np.testing.assert_array_equal(twice, smooth())


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_other_formats_are_turned_once(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(smooth(), kind, exif=exif, **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode(data), np.asarray(expected))


def segment(payload):
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def tag(kind, value):
    """EXIF with an orientation of this type."""
    head = b"Exif\0\0II*\0\x08\0\0\0"
    return segment(head + struct.pack("<HHHI", 1, 0x0112, kind, 1) + value + b"\0\0\0\0")


SIX = tag(3, struct.pack("<HH", 6, 0))
# {name: (what stands behind the first two bytes of a JPEG, whether it is turned)}
HEADS = {
    "behind a long colour profile": (
        b"\xff\xe2" + struct.pack(">H", 6002) + b"ICC_PROFILE\0\1\1" + bytes(5986) + SIX,
        True,
    ),
    "in XMP only": (segment(b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'), True),
    "as text": (tag(2, b"6\0\0\0"), False),
    "as a fraction": (tag(5, b"\x08\0\0\0"), False),
    "far away": (segment(b"Exif\0\0II*\0\xff\xff\0\0"), False),
    "of nothing": (segment(b"Exif\0\0"), False),
}


@pytest.mark.parametrize("name", HEADS)
def test_odd_heads_of_jpegs(name):
    head, turned = HEADS[name]
    plain = encode(smooth(), "JPEG", quality=90)
    wanted = decode(plain)
    found = decode(plain[:2] + head + plain[2:])
    np.testing.assert_array_equal(found, upright(wanted, 6) if turned else wanted)
