"""Durations become steps."""

import pytest

from effjax.config import Clock
from effjax.errors import UserError


def test_durations():
    clock = Clock(batch_size=10, epoch_examples=105, total_steps=50)
    section = dict.fromkeys(["every_steps", "every_epochs", "every_examples", "every_percent"])
    assert clock.steps(section, "every") is None
    assert clock.steps(section, "every", 4) == 4
    assert clock.steps(section | {"every_steps": 3.0}, "every") == 3
    assert clock.steps(section | {"every_epochs": 1.5}, "every") == 15
    assert clock.steps(section | {"every_examples": 40.0}, "every") == 4
    assert clock.steps(section | {"every_percent": 10.0}, "every") == 5
    with pytest.raises(UserError, match="negative"):
        clock.steps(section | {"every_steps": -1.0}, "every")
    with pytest.raises(UserError, match="no total"):
        Clock(10, 105).steps(section | {"every_percent": 10.0}, "every")
