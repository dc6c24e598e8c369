"""A table of things by name."""

import pytest

from effjax import plugins
from effjax.errors import UserError
from effjax.registry import Registry


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.setattr(plugins, "_noted", {})
    return Registry("tool", "--tool=package.module:function")


def test_a_decorator_registers_with_a_line(tools):
    @tools.register("saw", "cuts")
    def saw():
        pass

    assert tools.find("saw") is saw
    assert tools.lines() == {"saw": "cuts"}
    assert plugins._noted["tool", "saw"].module == __name__
    with pytest.raises(ValueError, match="a tool named 'saw' is registered already"):
        tools.register("saw", "cuts too")(saw)


def test_unknown_names_and_paths(tools):
    tools.register("hammer", "hits")(len)
    with pytest.raises(UserError) as caught:
        tools.find("hamer")
    assert str(caught.value).splitlines() == [
        "unknown tool 'hamer'; did you mean 'hammer'?",
        "your own: --tool=package.module:function",
    ]
    with pytest.raises(UserError, match="os is not your own code"):
        tools.find("os:system")


def test_a_path_names_what_is_not_registered(tools):
    found = tools.find(f"{__name__}:test_a_path_names_what_is_not_registered")
    assert found.__name__ == "test_a_path_names_what_is_not_registered"
