"""Broken files and repeated augmentation, position by position."""

import dataclasses
import io
import logging

import numpy as np
import pytest
from PIL import Image

from effjax.data import AugmentConfig, DataConfig
from effjax.data.images.augment import train_transform
from effjax.data.pixels import Pixels
from effjax.data.stream import EvalStream, TrainStream
from effjax.data.views import Views
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


def test_repeats_show_each_example_several_times_in_a_batch():
    example = training(Pixels(Files(), skip=True), batch_size=6, repeats=3, color_jitter=0.5)
    batch = [example(position) for position in range(6)]
    assert [one["label"] for one in batch[:2]] * 3 == [one["label"] for one in batch]
    # two new examples a step: all twelve in six steps
    rows = training(Pixels(Files(), skip=True), batch_size=6, repeats=3)
    shown = [int(rows(p)["image"].max()) for p in range(36)]
    assert sorted(shown) == sorted([*range(5), 0, *range(6, 12)] * 3)


@pytest.mark.parametrize("keep", [False, True])
def test_evaluation_skips_and_pads(keep):
    config = dataclasses.replace(CONFIG, image_size=4)
    from effjax.data.images.centre_crop import eval_transform

    stream = EvalStream(Views(Pixels(Files(), skip=True), eval_transform(config), keep), 8)
    seen = [example(stream, position) for position in range(16)]
    np.testing.assert_array_equal([one["mask"] for one in seen], [1] * 5 + [0] + [1] * 6 + [0] * 4)
    assert [one["image"][0, 0, 0] for one in seen[6:12]] == list(range(6, 12))
