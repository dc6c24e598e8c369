"""The gap is read from the task's own metrics."""

import pytest

from effjax.analyse.gap import look_at_gap
from effjax.analyse.settings import Settings


def test_gap(subject):
    values = look_at_gap(subject, Settings()).values
    assert values["train loss"] == pytest.approx(subject.mean_loss(subject.params), rel=1e-5)
    assert values["gap of top1"] == values["held-out top1"] - values["train top1"]
