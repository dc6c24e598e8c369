"""Every odd kind of file becomes upright RGB; what is damaged is told apart."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from effjax.data.images.decode import decode
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


def heic(image, **options):
    heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    heif.register_heif_opener()
    return encode(image, "HEIF", quality=90, **options)


def test_heic():
    assert close(decode(heic(smooth())), smooth(), 6)
    exif = Image.Exif()
    exif[0x112] = 6
    data = heic(smooth(), exif=exif)
    # the format turns images by itself: EXIF says it once more, and does not count
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode(data), expected)
    rgba = np.dstack([smooth(), np.zeros((48, 64), np.uint8)])
    assert close(decode(heic(rgba)), np.full((48, 64, 3), 255), 2)


def test_a_heic_that_is_cut_is_damaged():
    data = heic(smooth())
    for part in (data[: len(data) // 2], data[:40]):
        with pytest.raises(UserError) as caught:
            decode(part)
        assert "\n" not in str(caught.value)
        assert "pip install" not in str(caught.value)


def test_heic_without_its_package_is_named(monkeypatch):
    monkeypatch.setattr("effjax.data.images.decode._read_heif", lambda: False)
    # the first bytes of such a file: no decoder of Pillow's own takes them
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    with pytest.raises(UserError, match="HEIC needs another package: pip install"):
        decode(data)
