"""A key that is not there is answered with the one that was meant."""

import pytest

import effjax
from effjax.config.hints import keys_called, unknown_key


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("batch_size", "data.batch_size"),
        ("optim.name", "optim.default.name"),
        ("lr", "optim.default.learning_rate"),
        ("data.epochs", "total_epochs"),
    ],
)
def test_the_place_of_a_key_is_named(typed, place):
    config = effjax.default_config()
    section, _, key = typed.rpartition(".")
    node = config[section] if section else config
    assert f"did you mean --config.{place}" in unknown_key(typed, key, node, config)


def test_what_no_section_has_is_compared_by_its_letters():
    config = effjax.default_config()
    assert "did you mean 'schedule'" in unknown_key("shedule", "shedule", config, config)
    assert keys_called("shedule", config) == []
