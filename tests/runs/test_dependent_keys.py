"""What is refused without building a run is what a run that is built refuses."""

import pytest

import effjax
from effjax.data.images.augment import CROP_OF
from effjax.errors import UserError
from effjax.runs.dependent_keys import NEEDS, check_needs
from effjax.tasks.run import build
from effjax.training.setup import unread_keys
from tests.training.toy import line_config

# a value of each key that is not its default
VALUES = {
    "init_ignore": ("head",),
    "init_rename": (("a", "b"),),
    "task.early_stop.patience": 3,
    "task.early_stop.min_delta": 0.1,
    "data.augment.scale": (0.5, 1.0),
    "data.augment.ratio": (1.0, 1.0),
}


# a value of what they need with which they are read, and one with which they are not
OTHERS = {
    "init_from": ("weights.safetensors", None),
    "task.early_stop.metric": ("val/loss", None),
    "data.augment.crop": ("random_resized", "pad"),
}


@pytest.mark.parametrize(("key", "needed"), NEEDS.items())
def test_a_key_alone(key, needed):
    other = needed[0]
    read, unread = OTHERS[other]
    config = effjax.default_config()
    config.update_from_flattened_dict({key: VALUES[key], other: read})
    check_needs(config)
    config.update_from_flattened_dict({other: unread})
    with pytest.raises(UserError, match=f"nothing reads it: config.{key}\nremove it"):
        check_needs(config)


def test_keys_at_their_defaults_need_nothing():
    config = effjax.default_config()
    config.data.augment.crop = "none"
    check_needs(config)


def test_a_run_that_is_built_has_not_read_them():
    config = line_config()
    config.data.augment.crop = "pad"
    config.update_from_flattened_dict(VALUES)
    assert set(unread_keys(build(config).config)) >= set(NEEDS)
    for name in ("scale", "ratio"):
        assert NEEDS[f"data.augment.{name}"][1] == CROP_OF[name]
