"""Ranges stand where the keys are declared."""

import pytest

import effjax
from effjax.config import set_values
from effjax.errors import UserError
from effjax.runs.schema import RunConfig


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.augment.hflip", 1.5),
        ("data.augment.hflip", True),
        ("data.augment.scale", (0.0, 1.0)),
        ("data.augment.scale", (1.0, 0.08)),
        ("data.augment.ratio", (4 / 3, 3 / 4)),
        ("mix.erase_area", (0.3, 0.02)),
        ("mix.erase_ratio", (3.0, 0.3)),
        ("data.augment.repeats", 0),
        ("data.val_share", 1.5),
        ("data.std", (0.0, 0.0, 0.0)),
        ("data.mean", (127.5, 127.5, 127.5)),
        ("data.image_size", 100000),
        ("data.image_size", (224, 0)),
        ("data.eval_crop", 0.0),
        ("data.workers", -1),
        ("data.synthetic_examples", 0),
        ("mix.mixup", -0.1),
        ("mix.label_smoothing", 1.5),
        ("mix.erase_prob", float("nan")),
        ("mix.block", 0),
    ],
)
def test_numbers_out_of_range_are_refused(key, value):
    with pytest.raises(UserError, match=f"config.{key}"):
        set_values(effjax.default_config(), {key: value}, RunConfig)
