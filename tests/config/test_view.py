"""The read-only view of a config."""

import pytest

from effjax.config import View, changed, to_config
from tests.config.test_load import Root


def test_view_is_read_only_and_remembers():
    config = to_config(Root)
    config.seed, config.inner.depth, config.named.default.rate = 7, 3, 3.0
    view = View(config)
    assert sorted(view.unread(Root)) == ["inner.depth", "named.default.rate", "seed"]
    assert view.seed == 7
    assert view.inner.extras("name", "rate", *(k for k in view.inner if "every" in k)) == {
        "depth": 3
    }
    assert view.unread(Root) == ["named.default.rate"]
    assert view["named"]["default"]["rate"] == 3.0
    assert view.unread(Root) == []
    with pytest.raises(KeyError):
        view["nothing"]


def test_changed_lists_what_differs_from_the_defaults():
    config = to_config(Root)
    config.inner.depth, config.inner.rate = 3, 1.0
    assert changed(config, Root) == ["inner.depth", "named.default.rate"]
