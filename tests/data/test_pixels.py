"""Broken files are named once; a box is the same however it is decoded."""

import dataclasses
import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from effjax.data import AugmentConfig
from effjax.data.images import jpeg
from effjax.data.images.augment import train_transform
from effjax.data.pixels import Pixels
from effjax.data.stream import TrainStream
from effjax.data.views import Views
from effjax.errors import UserError
from tests.data.test_stream import CONFIG, Files


def test_a_broken_file_that_two_threads_meet_is_reported_once(caplog):
    both = threading.Barrier(2)

    class Slow(Files):
        def __getitem__(self, row):
            both.wait(10)
            return super().__getitem__(row)

    pixels = Pixels(Slow(), skip=True)
    with caplog.at_level(logging.WARNING, "effjax.data"), ThreadPoolExecutor(2) as threads:
        assert list(threads.map(pixels, [5, 5])) == [(None, 1), (None, 1)]
    assert len(caplog.records) == 1


class Photos(Files):
    """JPEGs with a pattern, of several sizes."""

    def __getitem__(self, row):
        self.reads.append(row)
        y, x = np.mgrid[: 90 + row, : 140 - row]
        waves = [127 + 120 * np.sin(x / a + y / b + row) for a, b in ((3, 11), (7, 5), (23, 2))]
        jpeg = io.BytesIO()
        Image.fromarray(np.stack(waves, -1).astype(np.uint8)).save(jpeg, format="JPEG")
        return jpeg.getvalue(), row % 2


@pytest.mark.parametrize("library", [True, False])
@pytest.mark.parametrize("size", [8, 64])
def test_decoding_only_a_box_changes_nothing(size, library, monkeypatch):
    """The first time a file is decoded as a whole, later only its box, or down to its last row."""
    config = dataclasses.replace(CONFIG, image_size=size, augment=AugmentConfig(scale=(0.3, 1.0)))
    transform = train_transform(config)
    stopped = []

    def decode_box(data, box, out):
        stopped.append(box)
        return jpeg.decode_box(data, box, out)

    monkeypatch.setattr("effjax.data.pixels.decode_box", decode_box)
    if not library:
        monkeypatch.setattr("effjax.data.images.jpeg.decode_region", lambda *_: None)
    pixels = Pixels(Photos(), fast=True, enough=transform.enough)
    warm = TrainStream(Views(pixels, transform), 0, 4)
    slots = np.arange(4)
    for step in range(3):
        warm(step, slots)
    assert stopped == []
    for step in range(3, 6):
        again = Pixels(Photos(), fast=True, enough=transform.enough)
        wanted = TrainStream(Views(again, transform), 0, 4)(step, slots)
        found = warm(step, slots)
        for key in wanted:
            np.testing.assert_array_equal(found[key], wanted[key])
    # small images are decoded at a smaller scale instead
    assert len(stopped) == (12 if size == 64 else 0)


def cut(pixels, row, box, scratch):
    return pixels.cut(row, pixels.open(row), box, scratch)


class Changing(Photos):
    """Photographs of which, after a while, only the headers are left."""

    cut = False

    def __getitem__(self, row):
        data, label = super().__getitem__(row)
        return data[: data.find(b"\xff\xda") if self.cut else None], label


@pytest.mark.parametrize("library", [True, False])
def test_a_file_that_breaks_later_is_named(library, monkeypatch):
    if not library:
        monkeypatch.setattr("effjax.data.images.jpeg.decode_region", lambda *_: None)
    pixels, scratch = Pixels(Changing(), fast=True), np.empty(1 << 20, np.uint8)
    pixels(3)
    pixels.source.cut = True
    with pytest.raises(UserError, match=r"photos/3\.png cannot be decoded"):
        cut(pixels, 3, (0, 0, 90, 100), scratch)


def test_a_file_that_only_pillow_takes_is_the_same_every_time():
    class Odd(Photos):
        def __getitem__(self, row):
            data, label = super().__getitem__(row)
            return data[:-2] + b"more than there should be" + data[-2:], label

    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(Odd()[3][0])
    pixels, scratch = Pixels(Odd(), fast=True), np.empty(1 << 20, np.uint8)
    first, second = (cut(pixels, 3, (5, 7, 50, 60), scratch).copy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
