"""Config files, overrides, checks, JSON."""

import dataclasses
import json
from dataclasses import field
from typing import ClassVar, Literal

import pytest

from effjax.config import (
    UNSET,
    Duration,
    View,
    check,
    from_json,
    load,
    to_config,
)
from effjax.errors import UserError


@dataclasses.dataclass
class Inner:
    open_section: ClassVar[bool] = True
    name: str = "a"
    rate: float = 1.0
    every: Duration = UNSET


@dataclasses.dataclass
class Root:
    seed: int = 0
    size: int | tuple[int, int] = 4
    mode: Literal["x", "y"] = "x"
    label: str | None = None
    dims: tuple[int, ...] = (1, 2)
    total: Duration = UNSET
    inner: Inner = field(default_factory=Inner)
    named: dict[str, Inner] = field(default_factory=lambda: {"default": Inner(rate=2.0)})


FILE = """
from tests.config.test_load import Root
from effjax.config import to_config

def get_config(arg=None):
    config = to_config(Root)
    config.total_epochs = 2
    config.inner.depth = 3
    config.label = arg
    return config
"""


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "some.py"
    path.write_text(FILE)
    return path


def test_file_argument_and_overrides(config_file):
    config = load(
        f"{config_file}:hello",
        [
            "--config.seed=3",
            "--config.inner.rate=2",
            "--config.dims=[3,4]",
            "--config.inner.x=1e-3",
        ],
        Root,
    )
    assert (config.label, config.seed, config.dims, config.inner.depth) == ("hello", 3, (3, 4), 3)
    assert isinstance(config.inner.rate, float)
    assert config.inner.x == 1e-3
    assert config.total_epochs == 2.0


def test_text_may_look_like_a_number(config_file):
    assert load(str(config_file), ["--config.label=2024"], Root).label == "2024"
    assert load(str(config_file), ["--config.label=none"], Root).label is None


def test_an_override_replaces_the_other_unit(config_file):
    config = load(str(config_file), ["--config.total_steps=10"], Root)
    assert (config.total_steps, config.total_epochs) == (10.0, None)


def test_none_clears_a_unit_and_no_other(config_file):
    config = load(str(config_file), ["--config.total_steps=3", "--config.total_epochs=None"], Root)
    assert (config.total_steps, config.total_epochs) == (3.0, None)


def test_a_new_named_section_has_the_defaults(config_file):
    config = load(str(config_file), ["--config.named.second.rate=5"], Root)
    assert (config.named.second.rate, config.named.second.name) == (5.0, "a")
    assert config.named.default.rate == 2.0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("--config.sed=3", "seed"),
        ("--config.inner.name.x=3", "no key 'name' there"),
        ("--config.iner.rate=3", "did you mean 'inner'"),
        ("--config.dims=(1,True)", "config.dims = (1, True) is a tuple; expected tuple[int, ...]"),
        ("--config.seed=ten", "'ten' is a str; expected int"),
        ("--config.seed=1.5", "expected int"),
        ("--config.seed=None", "expected int"),
        ("--config.seed=True", "expected int"),
        ("--config.mode=z", "one of 'x', 'y'"),
        ("--config.size=(1,2,3)", "expected int or tuple"),
        ("--config.inner=3", "is a section"),
        ("--config.seed", "has no value"),
    ],
)
def test_mistakes_in_overrides(config_file, override, said):
    with pytest.raises(UserError) as caught:
        load(str(config_file), [override], Root)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_two_units_are_refused(config_file):
    with pytest.raises(UserError, match="two units"):
        load(str(config_file), ["--config.total_steps=1", "--config.total_epochs=1"], Root)
    config = to_config(Root)
    config.total_steps, config.total_epochs = 1.0, 1.0
    with pytest.raises(UserError, match="two units"):
        check(config, Root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def get_config(:", "SyntaxError"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def get_config(arg=None): return 3", "returned an int"),
        ("x = 1", "no function get_config"),
        (FILE.replace("config.total_epochs", "config.totl_epochs"), "did you mean 'total_epochs'"),
        (FILE.replace("total_epochs = 2", "seed = 'a'"), "config.seed = 'a'"),
        (FILE.replace("total_epochs = 2", "inner.rate = True"), "rate = True is a bool"),
    ],
)
def test_mistakes_in_files(tmp_path, text, said):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(str(path), [], Root)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_missing_file_names_the_nearest(tmp_path, config_file):
    with pytest.raises(UserError, match=r"did you mean .*some\.py"):
        load(str(tmp_path / "sone.py"), [], Root)


def test_json_round_trip():
    config = to_config(Root)
    config.size, config.inner.depths = (3, 5), (1, 2)
    again = from_json(json.loads(json.dumps(View(config).to_dict())), Root)
    assert again.size == (3, 5)
    assert View(again).to_dict() == View(config).to_dict()
