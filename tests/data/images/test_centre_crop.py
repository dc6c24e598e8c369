"""Exact pixels of the evaluation."""

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig
from effjax.data.images.centre_crop import EvalTransform, eval_transform
from effjax.errors import UserError
from tests.data.images.test_augment import picture

# (image, size, crop) -> Pillow's resize to this (width, height), then the box (left, top)
EVAL_CASES = [
    ((375, 500), 224, 0.875, (341, 256), (58, 16)),
    ((500, 375), 224, 0.95, (235, 313), (6, 44)),
    ((300, 300), 224, 1.0, (224, 224), (0, 0)),
    ((100, 333), 224, 0.9, (825, 248), (300, 12)),
]


@pytest.mark.parametrize(("image", "size", "crop", "resized", "corner"), EVAL_CASES)
def test_evaluation_is_pillows_antialiased_bicubic(image, size, crop, resized, corner):
    image = picture(*image)
    out = EvalTransform((size, size), crop, "bicubic")(image)
    whole = Image.fromarray(image).resize(resized, Image.Resampling.BICUBIC)
    left, top = corner
    box = whole.crop((left, top, left + size, top + size))
    np.testing.assert_array_equal(out, np.asarray(box))


def test_evaluation_of_a_wide_size():
    image = picture(100, 100)
    out = EvalTransform((32, 64), 1.0, "bilinear")(image)
    whole = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(out, np.asarray(whole)[16:48])


def test_eval_crop_is_checked():
    with pytest.raises(UserError, match="eval_crop"):
        eval_transform(DataConfig(eval_crop=1.5))
