"""The order in which an architecture is written: the macro choices, then what is inside."""

import dataclasses
from collections.abc import Sequence

from effjax.search.choices import Choice, read_path

CELL_FIELDS = ("normal", "reduce", "ops")  # whose entries are the edges of a cell


@dataclasses.dataclass(frozen=True)
class Order:
    """Places of choices.

    Attributes:
      macro: what holds for the whole network, such as depths and widths.
      parts: for each stage or cell the choices inside, whole stages before their blocks.
    """

    macro: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]

    @property
    def places(self) -> tuple[int, ...]:
        """All of them, as they are written."""
        written = list(self.macro)
        for part in self.parts:
            written += part
        return tuple(written)


def order_of(choices: Sequence[Choice]) -> Order:
    """The order of the choices of a space."""
    macro: list[int] = []
    parts: dict[str, list[tuple[int, int]]] = {}
    for number, choice in enumerate(choices):
        place = read_path(choice.path)
        if place.stage is not None:
            block = -1 if place.block is None else place.block
            parts.setdefault(f"stages_{place.stage}", []).append((block, number))
        elif place.field in CELL_FIELDS:
            parts.setdefault(place.field, []).append((0, number))
        else:
            macro.append(number)
    inside = []
    for part in parts.values():
        inside.append(tuple(number for _, number in sorted(part)))
    return Order(tuple(macro), tuple(inside))
