"""The keys of a task: declared in the task, extended by inheritance, checked."""

import dataclasses

import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError


class Parent(effjax.Task):
    @dataclasses.dataclass(frozen=True)
    class Config(effjax.Task.Config):
        rate: float = 0.5


class Child(Parent):
    @dataclasses.dataclass(frozen=True)
    class Config(Parent.Config):
        sizes: tuple[int, ...] = (3,)

        def __post_init__(self):
            if not self.sizes:
                raise UserError("config.task.sizes is empty; give a size, as (3,)")


def make(task, **keys):
    config = effjax.default_config()
    config.task.update(keys)
    return task(View(config))


def test_keys_are_inherited_and_have_their_defaults():
    task = make(Child, rate=1, sizes=[5, 7])
    assert task.options == Child.Config(rate=1.0, sizes=(5, 7))
    assert make(Child).options == Child.Config()
    assert task.name == "classification"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"rat": 1.0}, r"did you mean 'rate'"),
        ({"rate": "high"}, "config.task.rate = 'high'"),
        ({"sizes": ()}, "sizes is empty"),
    ],
)
def test_what_is_wrong_is_named(keys, message):
    with pytest.raises(UserError, match=message):
        make(Child, **keys)


def test_keys_that_forget_their_parents_are_refused():
    with pytest.raises(TypeError, match=r"write `class Config\(Parent.Config\)` in Orphan"):

        class Orphan(Parent):
            class Config:
                pass

    with pytest.raises(TypeError, match=r"Plain\.Config needs @dataclasses"):

        class Plain(Parent):
            class Config(Parent.Config):
                more: int = 1
