"""Every odd kind of file becomes upright RGB; what is damaged is told apart."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.images.jpeg import decode_box, first_rows, plain_size
from effjax.data.images.orientation import upright
from effjax.data.images.region import decode_region, find_library
from effjax.errors import UserError


def smooth(height=48, width=64):
    y, x = np.mgrid[:height, :width]
    channels = 255 * y / height, 255 * x / width, 128 + 100 * np.sin(x / 9 + y / 7)
    return np.stack(channels, axis=-1).astype(np.uint8)


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, format=kind, **options
    )
    return file.getvalue()


def close(left, right, mean=3.0):
    return left.shape == right.shape and abs(left.astype(int) - right.astype(int)).mean() < mean


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_formats(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert close(decode(encode(smooth(), kind, **options)), smooth(), 10 if kind == "GIF" else 0.1)


def test_jpeg_equals_pillow_unless_fast():
    data = encode(smooth(), "JPEG", quality=90)
    np.testing.assert_array_equal(decode(data), np.asarray(Image.open(io.BytesIO(data))))
    assert close(decode(data, fast=True), decode(data))


def test_colours():
    grey = smooth()[..., 2]
    for kind in ("PNG", "JPEG"):
        pixels = decode(encode(grey, kind))
        assert close(pixels, np.repeat(grey[..., None], 3, axis=2))
    palette = Image.fromarray(smooth()).quantize(32)
    np.testing.assert_array_equal(decode(encode(palette)), np.asarray(palette.convert("RGB")))
    cmyk = Image.fromarray(smooth()).convert("CMYK")
    assert close(decode(encode(cmyk, "JPEG", quality=95)), smooth(), 6)


def test_sixteen_bits_keep_the_upper_eight():
    deep = (smooth()[..., 0].astype(np.uint16) << 8) + 200
    np.testing.assert_array_equal(decode(encode(deep))[..., 1], smooth()[..., 0])


def test_transparent_pixels_become_white():
    rgba = np.concatenate([smooth(), np.full((48, 64, 1), 255, np.uint8)], axis=2)
    rgba[:10, :, 3] = 0
    pixels = decode(encode(rgba))
    assert (pixels[:10] == 255).all()
    np.testing.assert_array_equal(pixels[10:], smooth()[10:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation(kind, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(smooth(), kind, exif=exif.tobytes())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode(data), expected)


def test_upright_is_its_own_reverse_where_it_should_be():
    for orientation in (1, 2, 3, 4, 5, 7):
        twice = upright(upright(smooth(), orientation), orientation)
        np.testing.assert_array_equal(twice, smooth())


def test_large_jpegs_are_decoded_in_eighths():
    data = encode(smooth(900, 1200), "JPEG", quality=90)
    pixels = decode(data, enough=(224, 224))
    assert pixels.shape == (225, 300, 3)
    small = np.asarray(Image.fromarray(smooth(900, 1200)).resize((300, 225), Image.BOX))
    assert close(pixels, small)
    assert decode(data, enough=(2000, 10)).shape == (900, 1200, 3)


def damaged():
    jpeg, png = encode(smooth(), "JPEG"), encode(smooth())
    return {
        "empty": b"",
        "text": b"<html>404</html>",
        "jpeg cut": jpeg[: len(jpeg) // 2],
        "jpeg head only": jpeg[:20],
        "png cut": png[: len(png) // 2],
        "png body damaged": png[:60] + bytes(40) + png[100:],
    }


@pytest.mark.parametrize("kind", damaged())
def test_damaged_files_are_user_errors(kind):
    with pytest.raises(UserError) as caught:
        decode(damaged()[kind])
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)


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


def test_what_cannot_be_stopped_early():
    assert plain_size(encode(smooth(), "JPEG", progressive=True)) is None
    assert plain_size(encode(Image.fromarray(smooth()).convert("CMYK"), "JPEG")) is None
    assert plain_size(encode(smooth())) is None
    assert plain_size(b"\xff\xd8\xff") is None
    data = encode(smooth(), "JPEG")
    height, width = plain_size(data)
    assert plain_size(data, (height * 7 // 8, width * 7 // 8)) is None  # it is scaled instead
    assert plain_size(data, (height, width)) == (height, width)
