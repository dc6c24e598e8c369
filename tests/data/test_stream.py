"""Broken files and repeated augmentation, position by position."""

import dataclasses
import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from effjax.data import AugmentConfig, DataConfig
from effjax.data.images import jpeg
from effjax.data.images.augment import train_transform
from effjax.data.order import Generators
from effjax.data.pixels import Pixels
from effjax.data.stream import EvalStream, TrainStream
from effjax.data.views import Views, require_memory
from effjax.errors import UserError

CONFIG = DataConfig(image_size=8, augment=AugmentConfig(crop="none", hflip=0.0))


class Files:
    """Twelve one-coloured images, of which number 5 is broken; counts how often each is read."""

    class_names = ("even", "odd")

    def __init__(self):
        self.reads = []

    def __len__(self):
        return 12

    def __getitem__(self, row):
        self.reads.append(row)
        png = io.BytesIO()
        Image.new("RGB", (8, 8), (row, row, row)).save(png, format="PNG")
        return (b"not an image" if row == 5 else png.getvalue()), row % 2

    def name(self, row):
        return f"photos/{row}.png"

    def labels(self):
        return np.arange(12) % 2

    def keys(self):
        return [f"{row}.png" for row in range(12)]


def training(pixels, batch_size=4, keep=False, **augment):
    """Position in the stream -> one example."""
    config = dataclasses.replace(CONFIG, augment=dataclasses.replace(CONFIG.augment, **augment))
    stream = TrainStream(Views(pixels, train_transform(config), keep), 0, batch_size)
    return lambda position: example(stream, position)


def example(stream, position):
    step, slot = divmod(position, stream.batch_size)
    return {key: value[0] for key, value in stream(step, np.array([slot])).items()}


def test_a_broken_file_is_named():
    example = training(Pixels(Files()))
    with pytest.raises(UserError, match=r"photos/5\.png cannot be decoded: cannot") as error:
        [example(position) for position in range(12)]
    assert "data.on_error=skip" in str(error.value)


def test_a_skipped_file_is_reported_once_and_masked(caplog):
    example = training(Pixels(Files(), skip=True))
    with caplog.at_level(logging.WARNING, "effjax.data"):
        seen = [example(position) for position in range(36)]
    assert [record.getMessage() for record in caplog.records] == [
        "skipped: photos/5.png cannot be decoded: cannot identify image file"
    ]
    assert sum(one["mask"] == 0 for one in seen) == 3  # once an epoch
    for one in seen:
        if one["mask"] == 0:
            assert one["label"] == 1
            assert not one["image"].any()


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


@pytest.mark.parametrize("crop", ["none", "pad", "random_resized"])
def test_what_is_kept_is_read_once_and_the_same(crop):
    files, kept = Files(), Files()
    boxes = crop == "random_resized"
    plain = training(Pixels(files, skip=True), crop=crop, hflip=0.5)
    quick = training(Pixels(kept, keep=boxes, skip=True), keep=True, crop=crop, hflip=0.5)
    for position in range(24):
        one, other = plain(position), quick(position)
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    assert sorted(kept.reads) == list(range(12))
    # a broken file is not read again
    assert len(files.reads) == 23


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    pages = {"SC_PHYS_PAGES": 12 * 8 * 8 * 3 * 2, "SC_PAGE_SIZE": 1}
    monkeypatch.setattr("os.sysconf", pages.get)
    require_memory(Pixels(Files(), skip=True), processes=1)  # exactly half
    with pytest.raises(UserError, match="short-side"):
        require_memory(Pixels(Files(), skip=True), processes=2)
    require_memory(Pixels(Files(), skip=True), processes=1, view=8 * 8 * 3)
    with pytest.raises(UserError, match="over half"):
        require_memory(Pixels(Files(), skip=True), processes=1, view=8 * 8 * 3 + 1)


def test_repeats_show_each_example_several_times_in_a_batch():
    example = training(Pixels(Files(), skip=True), batch_size=6, repeats=3, color_jitter=0.5)
    batch = [example(position) for position in range(6)]
    assert [one["label"] for one in batch[:2]] * 3 == [one["label"] for one in batch]
    # two new examples a step: all twelve in six steps
    rows = training(Pixels(Files(), skip=True), batch_size=6, repeats=3)
    shown = [int(rows(p)["image"].max()) for p in range(36)]
    assert sorted(shown) == sorted([*range(5), 0, *range(6, 12)] * 3)


def test_repeats_need_not_divide_the_batch():
    rows = training(Pixels(Files(), skip=True), batch_size=8, repeats=3)
    batch = [int(rows(p)["label"]) for p in range(8)]
    stream = TrainStream(Views(Pixels(Files()), train_transform(with_repeats(3)), False), 0, 8)
    shown = stream.rows(0, np.arange(8))
    assert sorted(np.unique(shown, return_counts=True)[1]) == [2, 3, 3]
    assert batch == [row % 2 for row in shown]


def with_repeats(repeats):
    return dataclasses.replace(CONFIG, augment=dataclasses.replace(CONFIG.augment, repeats=repeats))


@pytest.mark.parametrize("keep", [False, True])
def test_evaluation_skips_and_pads(keep):
    config = dataclasses.replace(CONFIG, image_size=4)
    from effjax.data.images.centre_crop import eval_transform

    stream = EvalStream(Views(Pixels(Files(), skip=True), eval_transform(config), keep), 8)
    seen = [example(stream, position) for position in range(16)]
    np.testing.assert_array_equal([one["mask"] for one in seen], [1] * 5 + [0] + [1] * 6 + [0] * 4)
    assert [one["image"][0, 0, 0] for one in seen[6:12]] == list(range(6, 12))


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


def test_a_generator_belongs_to_a_position():
    some, others = Generators(0, np.array([7, 1 << 45])), Generators(0, np.array([3, 7]))
    others(0).normal(size=5)
    others(0).integers(3, dtype=np.uint32)  # half of a drawn number is left over
    drawn = some(0).random(1000)
    np.testing.assert_array_equal(others(1).random(1000), drawn)
    for other in (some(1), others(0), Generators(1, np.array([7]))(0)):
        assert abs(np.corrcoef(other.random(1000), drawn)[0, 1]) < 0.1
