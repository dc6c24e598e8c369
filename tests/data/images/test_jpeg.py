"""JPEGs decoded as a whole, in eighths, or only a box."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import simplejpeg
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.images.jpeg import decode_box, first_rows, jpeg_damage, jpeg_size, plain_size
from tests.data.images.test_decode import close, encode, smooth


def test_large_jpegs_are_decoded_in_eighths():
    data = encode(smooth(900, 1200), "JPEG", quality=90)
    pixels = decode(data, enough=(224, 224))
    assert pixels.shape == (225, 300, 3)
    small = np.asarray(Image.fromarray(smooth(900, 1200)).resize((300, 225), Image.BOX))
    assert close(pixels, small)
    assert decode(data, enough=(2000, 10)).shape == (900, 1200, 3)


def test_the_first_rows_are_those_of_the_whole():
    data = encode(smooth(), "JPEG", quality=90)
    whole = decode(data, fast=True)
    assert plain_size(data) == whole.shape[:2]
    for rows in (1, 7, 16, len(whole) - 1, len(whole)):
        for room in (1 << 20, 10):  # a buffer that is too small is not used
            found = first_rows(data, rows, np.empty(room, np.uint8))
            np.testing.assert_array_equal(found, whole[:rows])


def photographs():
    """JPEGs of every kind and of odd sizes."""
    kinds = ("444", "422", "420", "440", "411", "Gray")
    rng = np.random.default_rng(0)
    for height, width in ((48, 64), (77, 101), (190, 33)):
        noisy = smooth(height, width) // 2 + rng.integers(0, 128, (height, width, 3), np.uint8)
        for kind in kinds:
            grey = kind == "Gray"
            pixels = np.ascontiguousarray(noisy[..., :1] if grey else noisy)
            colour = "GRAY" if grey else "RGB"
            yield simplejpeg.encode_jpeg(pixels, 85, colour, "444" if grey else kind)


def check_boxes(seed, decoder):
    """Random boxes of photographs in turn: one decoder after another sort of file."""
    rng = np.random.default_rng(seed)
    wholes = [(data, decode(data, fast=True)) for data in photographs()]
    for k in rng.permutation(np.repeat(np.arange(len(wholes)), 6)):
        data, whole = wholes[k]
        height, width = 1 + rng.integers(whole.shape[:2])
        top, left = rng.integers(whole.shape[:2] - np.array([height, width]) + 1)
        out = np.full(1 << 16, 77, np.uint8)
        found = decoder(data, (int(top), int(left), int(height), int(width)), out)
        np.testing.assert_array_equal(found, whole[top : top + height, left : left + width])
        assert (out[-(1 << 10) :] == 77).all()


def test_a_box_equals_that_part_of_the_whole(monkeypatch):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda seed: check_boxes(seed, decode_box), range(4)))
    monkeypatch.setattr("effjax.data.images.jpeg.decode_region", lambda *_: None)
    check_boxes(4, decode_box)


def test_what_cannot_be_stopped_early():
    assert plain_size(encode(smooth(), "JPEG", progressive=True)) is None
    assert plain_size(encode(Image.fromarray(smooth()).convert("CMYK"), "JPEG")) is None
    assert plain_size(encode(smooth())) is None
    assert plain_size(b"\xff\xd8\xff") is None
    data = encode(smooth(), "JPEG")
    height, width = plain_size(data)
    assert plain_size(data, (height * 7 // 8, width * 7 // 8)) is None  # it is scaled instead
    assert plain_size(data, (height, width)) == (height, width)


def test_damage_is_what_the_decoder_warns_of():
    data = encode(smooth(200, 300), "JPEG", quality=90)
    half = len(data) // 2
    assert jpeg_damage(data) is None
    assert "orrupt" in jpeg_damage(data[:half] + bytes(30) + data[half + 30 :])
    assert jpeg_damage(encode(smooth())) is None
    cmyk = encode(Image.fromarray(smooth()).convert("CMYK"), "JPEG")
    assert jpeg_damage(cmyk) is None


def test_the_size_of_any_jpeg():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert jpeg_size(encode(smooth(), "JPEG", progressive=True)) == (48, 64)
    assert jpeg_size(encode(smooth(), "JPEG", exif=exif)) == (64, 48)
    assert jpeg_size(encode(smooth())) is None
