"""The config tree has every default, and grows by optimizers."""

import pytest

import effjax
from effjax.config import check
from effjax.errors import UserError
from effjax.runs.schema import RunConfig, add_optimizer, default_config


def test_the_defaults_are_a_config():
    check(default_config(), RunConfig)


def test_an_optimizer_is_added_or_changed():
    config = effjax.default_config()
    entry = add_optimizer(config, "sizes", name="adam", learning_rate=0.5)
    assert config.optim.sizes is entry
    assert (entry.name, entry.learning_rate, entry.weight_decay) == ("adam", 0.5, 0.0)
    add_optimizer(config, "sizes", learning_rate=0.25)
    assert (config.optim.sizes.name, config.optim.sizes.learning_rate) == ("adam", 0.25)
    check(config, RunConfig)


@pytest.mark.parametrize(
    ("key", "value"),
    [("accumulate", 0), ("nonfinite_limit", 0), ("ema.decay", 1.0), ("seed", 1.5), ("seed", True)],
)
def test_values_that_cannot_be_are_refused(key, value):
    config = effjax.default_config()
    section, _, name = key.rpartition(".")
    target = getattr(config, section) if section else config
    with target.ignore_type():
        target[name] = value
    with pytest.raises(UserError, match=rf"config\.{key}"):
        check(config, RunConfig)


def test_views_are_added_by_name():
    config = effjax.default_config()
    effjax.add_view(config, "query", recipe="moco_v1", size=32)
    effjax.add_view(config, "query", blur=0.5)
    assert (config.data.views.query.recipe, config.data.views.query.blur) == ("moco_v1", 0.5)
    check(config, RunConfig)
    config.data.views.query.solarize = 1.5
    with pytest.raises(UserError, match=r"data\.views\.query\.solarize = 1\.5 is out of range"):
        check(config, RunConfig)
