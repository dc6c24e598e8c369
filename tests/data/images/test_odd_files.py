"""A folder with every kind of odd and damaged file, and what docs/own_images.md says of them."""

import io
import itertools
import logging
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effjax.data import AugmentConfig, DataConfig, open_split
from effjax.data.images.decode import decode
from effjax.data.tools.check import check
from effjax.errors import UserError

PAGE = Path(__file__).parents[3] / "docs/own_images.md"
SHAPE = (48, 64, 3)


def scene():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    channels = 255 * y / SHAPE[0], 255 * x / SHAPE[1], 128 + 100 * np.sin(x / 9 + y / 7)
    return np.stack(channels, axis=-1).astype(np.uint8)


RGB = scene()
GREY = np.repeat(RGB[..., :1], 3, axis=2)
PICTURE = Image.fromarray(RGB)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def without_pixels(width, height):
    """A PNG whose header is sound and whose pixels are missing."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def transparent():
    picture = PICTURE.convert("RGBA")
    picture.putalpha(
        Image.fromarray(np.repeat([[0], [255]], [10, 38], 0).astype(np.uint8)).resize((64, 48), 0)
    )
    return picture


def over_white():
    image = RGB.copy()
    image[:10] = 255
    return image


DEEP = Image.fromarray((RGB[..., 0].astype(np.uint16) << 8) + 200)
JPEG, PNG = encode(PICTURE, "JPEG", quality=95), encode(PICTURE, "PNG")
HALF = len(JPEG) // 2
# {name: (bytes, the pixels that are wanted)}
SOUND = {
    "plain.jpg": (JPEG, RGB),
    "LARGE.JPEG": (JPEG, RGB),
    "progressive.jpg": (encode(PICTURE, "JPEG", quality=95, progressive=True), RGB),
    "grey.jpg": (encode(Image.fromarray(RGB[..., 0]), "JPEG", quality=95), GREY),
    "cmyk.jpg": (encode(PICTURE.convert("CMYK"), "JPEG", quality=95), RGB),
    "turned.jpg": (
        encode(PICTURE, "JPEG", quality=95, exif=orientation(6)),
        RGB.swapaxes(0, 1)[:, ::-1],
    ),
    "turned_how.jpg": (encode(PICTURE, "JPEG", quality=95, exif=orientation(9)), RGB),
    "trailing.jpg": (JPEG + b"more" * 50, RGB),
    "png.jpg": (PNG, RGB),
    "palette.png": (
        encode(PICTURE.quantize(64), "PNG"),
        np.asarray(PICTURE.quantize(64).convert("RGB")),
    ),
    "transparent.png": (encode(transparent(), "PNG"), over_white()),
    "sixteen.png": (encode(DEEP, "PNG"), GREY),
    "one_bit.png": (
        encode(PICTURE.convert("1"), "PNG"),
        np.asarray(PICTURE.convert("1").convert("RGB")),
    ),
    "one_pixel.png": (encode(Image.fromarray(RGB[:1, :1]), "PNG"), RGB[:1, :1]),
    "moving.gif": (
        encode(
            Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(GREY[::-1])]
        ),
        GREY,
    ),
    "picture.webp": (encode(PICTURE, "WEBP", lossless=True), RGB),
    "picture.tif": (encode(PICTURE, "TIFF"), RGB),
    "picture.bmp": (encode(PICTURE, "BMP"), RGB),
    "overwritten.jpg": (JPEG[:HALF] + bytes(30) + JPEG[HALF + 30 :], None),  # no pixels promised
}
DAMAGED = {
    "empty.jpg": b"",
    "page.jpg": b"<html>404</html>",
    "zeros.jpg": bytes(5000),
    "head.jpg": JPEG[:20],
    "cut.jpg": JPEG[:HALF],
    "last_bytes.jpg": JPEG[:-2],
    "cut.png": PNG[: len(PNG) // 2],
    "overwritten.png": PNG[:60] + bytes(40) + PNG[100:],
    "no_pixels.png": without_pixels(64, 48),
    "gigantic.png": without_pixels(50000, 50000),
    "cut.gif": encode(PICTURE, "GIF")[:900],
    "cut.webp": encode(PICTURE, "WEBP")[:100],
    "float.tif": encode(Image.fromarray((RGB[..., 0] / 255).astype(np.float32)), "TIFF"),
}
NO_IMAGES = {
    "README.txt": b"hello",
    ".DS_Store": b"\0",
    "._plain.jpg": b"\0",
    "notes.jpg.part": b"",
}


def table():
    """{file: what happens} of the page."""
    _, _, text = PAGE.read_text().partition("## Odd and damaged files")
    text, _, _ = text.partition("## Odd folders")
    rows = re.findall(r"^\| `([^`]+)`[^|]*\| ([^|]+) \|$", text, re.MULTILINE)
    return dict(rows)


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "val"):
        for label in ("damaged", "sound"):
            (tmp_path / split / label).mkdir(parents=True)
    files = DAMAGED | NO_IMAGES | {name: data for name, (data, _) in SOUND.items()}
    for name, data in files.items():
        label = "damaged" if name in DAMAGED else "sound"
        (tmp_path / "train" / label / name).write_bytes(data)
    for label in ("damaged", "sound"):
        (tmp_path / "val" / label / "plain.jpg").write_bytes(JPEG)
    return tmp_path


def test_the_table_names_them_all():
    assert sorted(table()) == sorted([*SOUND, *DAMAGED, *NO_IMAGES])


@pytest.mark.parametrize("name", SOUND)
def test_odd_files_are_read(name):
    data, wanted = SOUND[name]
    found = decode(data)
    assert table()[name].startswith("read")
    assert found.dtype == np.uint8
    if wanted is not None:
        assert found.shape == wanted.shape
        assert abs(found.astype(int) - wanted).mean() < 2


def test_check_says_what_the_table_says(folder):
    report = check(str(folder))
    assert report.counts["train"] == {"damaged": len(DAMAGED), "sound": len(SOUND)}
    reasons = {Path(name).name: reason for name, reason in report.broken}
    assert sorted(reasons) == sorted(DAMAGED)
    for name, reason in reasons.items():
        (said,) = re.findall("`([^`]+)`", table()[name])
        pattern = ".*".join(map(re.escape, said.split("...")))
        assert re.fullmatch(pattern, reason), (name, reason)
    for name in NO_IMAGES:
        assert table()[name].startswith("not taken")


@pytest.mark.parametrize("cache", [None, "memory"])
def test_a_run_skips_and_counts_what_is_damaged(folder, cache, caplog):
    config = DataConfig(name=str(folder), image_size=16, on_error="skip", cache=cache)
    split = open_split(config, "train", seed=0, batch_size=8, train=True)
    total = len(SOUND) + len(DAMAGED)
    assert total % 8 == 0
    with caplog.at_level(logging.WARNING, "effjax.data"), split.batches() as batches:
        seen = [next(batches) for _ in range(2 * total // 8)]
        assert batches.skipped == 2 * len(DAMAGED)
    said = [record.getMessage() for record in caplog.records]
    assert sorted(re.findall(r"damaged/(\S+) cannot", "\n".join(said))) == sorted(DAMAGED)
    assert len(said) == len(DAMAGED)  # once each
    for batch in seen:
        assert not batch["image"][batch["mask"] == 0].any()


def test_a_run_ends_at_a_damaged_file_unless_told_otherwise(folder):
    config = DataConfig(name=str(folder), image_size=16, augment=AugmentConfig(crop="none"))
    split = open_split(config, "train", seed=0, batch_size=8, train=True)
    with (
        split.batches() as batches,
        pytest.raises(UserError, match=r"damaged/.* cannot be decoded"),
    ):
        list(itertools.islice(batches, 4))
