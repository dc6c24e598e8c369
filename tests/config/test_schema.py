"""Schemas: dataclasses own the keys and their defaults."""

import pytest

from effjax.config import UNITS, to_config
from effjax.config.schema import child, declared_keys, duration_of, entry_type, is_open
from effjax.errors import UserError
from tests.config.test_load import Inner, Root


def test_durations_are_spelled_out_by_unit():
    keys = declared_keys(Root)
    assert [f"total_{unit}" in keys for unit in UNITS] == [True] * 4
    assert "total" not in keys
    assert duration_of("total_steps") == "total"
    assert duration_of("label") is None


def test_named_and_open_sections():
    hint = declared_keys(Root)["named"][0]
    assert entry_type(hint) is Inner
    assert child(hint, "anything") is Inner
    assert is_open(Inner)
    assert not is_open(Root)


def test_a_bool_does_not_become_a_number():
    config = to_config(Root)
    with pytest.raises(UserError, match="rate = True is a bool"):
        config.inner.rate = True
    with pytest.raises(UserError, match="rate = True is a bool"):
        config.inner.update(rate=True)
    config.inner.rate = 2
    assert config.inner.rate == 2
