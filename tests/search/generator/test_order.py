"""Macro choices come first, then stages or cells with what is inside."""

from effjax.search.cells.spaces import DartsSpace
from effjax.search.choices import Choice
from effjax.search.generator.order import order_of

SIZES = (1, 2)


def test_stages():
    paths = [
        "stages_0.blocks_1.kernel_sizes",
        "stages_0.mixer",
        "mlp_ratio",
        "stages_1.mixer",
        "depths.1",
    ]
    order = order_of([Choice(path, SIZES) for path in paths])
    assert order.macro == (2, 4)
    # a whole stage before its blocks
    assert order.parts == ((1, 0), (3,))
    assert order.places == (2, 4, 1, 0, 3)


def test_cells():
    order = order_of(DartsSpace(nodes=2).choices)
    assert order.macro == ()
    assert order.parts == ((0, 1, 2, 3), (4, 5, 6, 7))
