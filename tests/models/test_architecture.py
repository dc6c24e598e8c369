import dataclasses

import pytest

from effjax.errors import UserError
from effjax.models.architecture import (
    Depth,
    Window,
    Windows,
    check,
    entry_of_block,
    override,
    per_block,
    set_per_block,
    sides,
)


@dataclasses.dataclass(frozen=True)
class Small:
    depths: tuple[Depth, ...] = (1, 2)
    sizes: tuple[Windows, ...] = (3, 5)
    rate: float = 0.1

    def __post_init__(self):
        check(self, "sizes")


def test_fields_take_the_types_of_their_annotations():
    assert Small(rate=1, sizes=[3, [5, 7]]) == Small(rate=1.0, sizes=(3, (5, 7)))
    assert override(Small(), {"sizes": 7}).sizes == (7, 7)
    assert override(Small(), {"depths": [1], "sizes": 7}) == Small((1,), (7,))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"depths": (1, 2, 3)}, "sizes has 2 entries for the 3 stages"),
        ({"depths": ()}, "at least one stage"),
        ({"depths": (0, 2)}, r"depths=\(0, 2\): expected tuple\[int in \[1, 1000\]"),
        ({"sizes": (3, 4)}, "4 has no middle"),
        ({"sizes": (3, (3, (5, 2)))}, "2 has no middle"),
        ({"sizes": (3, (3, 3, 3))}, "3 entries for a stage of 2 blocks"),
        ({"rate": float("inf")}, "a finite number"),
        ({"size": 3}, "did you mean 'sizes'"),
    ],
)
def test_mistakes_are_named(fields, said):
    with pytest.raises(UserError, match=said):
        override(Small(), fields)


def test_one_entry_of_one_block():
    window = Window((), "sizes", stage=1, block=0)
    assert entry_of_block(Small(), window) == 5
    changed = set_per_block(Small(), window, (7, 9))
    assert changed.sizes == ((3,), ((7, 9), 5))
    assert entry_of_block(changed, window) == (7, 9)
    assert sides(entry_of_block(changed, dataclasses.replace(window, block=1))) == (5, 5)
    assert per_block(3, 2, "sizes") == (3, 3)
