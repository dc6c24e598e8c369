"""Resizing and cropping inside an exported file are those of the host."""

import dataclasses

import jax
import numpy as np
import pytest
from PIL import Image

from effjax.errors import UserError
from effjax.export import FORMATS, export
from effjax.export.whole_images import (
    input_size,
    largest_pixel_difference,
    resize_weights,
    take_whole,
)
from effjax.report import choose_display
from effjax.trained.network import Preprocessing
from tests.export.networks import needs


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("taken", ["75x100", "20x64"])
def test_pixels_are_those_of_the_host(taken, interpolation, tiny):
    preprocessing = Preprocessing((32, 48), 0.875, interpolation)
    network = take_whole(dataclasses.replace(tiny, preprocessing=preprocessing), taken)
    assert input_size(network) == tuple(map(int, taken.split("x")))
    assert input_size(tiny) == (32, 32)
    # a sum next to one half may be rounded the other way
    assert largest_pixel_difference(network) <= 1
    images = np.random.default_rng(1).integers(0, 256, (2, *network.taken, 3), np.uint8)
    found = np.asarray(network.prepared(images))
    expected = np.stack([preprocessing.transform()(image) for image in images])
    assert (found != expected).mean() < 0.01


def test_weights_are_pillows_filter():
    row = np.zeros((1, 50), np.uint8)
    row[0, 20:26] = 200
    resized = Image.fromarray(row).resize((8, 1), Image.Resampling.BICUBIC)
    weights = resize_weights(50, 8, "bicubic")
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(np.clip(weights @ row[0], 0, 255), np.asarray(resized)[0], atol=0.51)
    np.testing.assert_array_equal(resize_weights(5, 5, "bicubic"), np.eye(5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stablehlo", "onnx"])
def test_the_file_takes_photographs(kind, tiny, tmp_path):
    needs(kind)
    out = tmp_path / f"camera{FORMATS[kind].ending}"
    export(tiny, kind, out, choose_display(quiet=True), whole="60x80")
    image = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    prepared = tiny.preprocessing.transform()(image)
    expected = jax.jit(tiny.logits)(tiny.variables, prepared[None])
    # a pixel may differ by one level
    np.testing.assert_allclose(FORMATS[kind].open(out)(image[None]), expected, atol=0.02)


@pytest.mark.parametrize("size", ["480", "480x", "0x9", "480x640x3", "big", "99999x9"])
def test_a_wrong_size_is_refused(size, tiny):
    with pytest.raises(UserError, match=f"preprocessing={size}: expected HEIGHTxWIDTH") as caught:
        take_whole(tiny, size)
    assert len(str(caught.value).splitlines()) == 2


def test_weights_alone_have_no_room_for_it(tiny, tmp_path):
    with pytest.raises(UserError, match="a safetensors file holds weights alone"):
        export(tiny, "safetensors", tmp_path / "w.safetensors", choose_display(), whole="60x80")
