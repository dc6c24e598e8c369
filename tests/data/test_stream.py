"""Broken files and repeated augmentation, position by position."""

import dataclasses
import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from effjax.data import AugmentConfig, DataConfig, decode
from effjax.data.augment import train_transform
from effjax.data.stream import EvalStream, Pixels, TrainStream, Views, require_memory
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
    from effjax.data.augment import eval_transform

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


@pytest.mark.parametrize("size", [8, 64])
def test_stopping_at_the_last_row_of_a_box_changes_nothing(size, monkeypatch):
    """The first time a file is decoded as a whole, later only down to the box's end."""
    config = dataclasses.replace(CONFIG, image_size=size, augment=AugmentConfig(scale=(0.3, 1.0)))
    transform = train_transform(config)
    stopped = []

    def first_rows(data, rows, out):
        stopped.append(rows)
        return decode.first_rows(data, rows, out)

    monkeypatch.setattr("effjax.data.stream.first_rows", first_rows)
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
