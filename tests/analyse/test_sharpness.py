"""Sharpness of a real run: it grows with the radius."""

from effjax.analyse.settings import Settings
from effjax.analyse.sharpness import look_at_sharpness


def test_rises(subject):
    values = look_at_sharpness(subject, Settings()).values
    assert 0 < values["rise within 0.05"] < values["rise within 0.2"]
    assert values["rise within 0.05, batch by batch"] > 0
