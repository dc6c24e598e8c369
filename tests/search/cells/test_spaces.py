import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.families.nasbench201 import unique_text
from effjax.search.cells.spaces import DartsSpace, NasBench201Space


def test_isomorphic_cells_of_nasbench_are_one_point():
    space = NasBench201Space(width=4, cells=1)
    points = {space.canonical(space.sample(np.random.default_rng(seed))) for seed in range(50)}
    texts = {unique_text(space.decode(point).ops) for point in points}
    assert len(texts) == len(points)
    assert space.size == 15625
    assert len(set(space._first.values())) == 6466
    for point in points:
        assert space.canonical(point) == point


def test_a_darts_cell_is_a_point_and_comes_back():
    space = DartsSpace(("none", "skip_connect", "sep_conv_3x3"), nodes=2, width=4, layers=3)
    point = space.sample(np.random.default_rng(0))
    architecture = space.decode(point)
    cells = {"normal": architecture.normal, "reduce": architecture.reduce}
    assert space.point_of(cells) == point
    swapped = {**cells, "normal": (*cells["normal"][1::-1], *cells["normal"][2:])}
    assert space.point_of(swapped) == point
    assert architecture.normal_concat == (2, 3)


def test_cells_of_another_space_are_refused():
    space = DartsSpace(("skip_connect",), nodes=1)
    with pytest.raises(UserError, match="search cells of as many nodes"):
        space.point_of({"normal": (), "reduce": ()})
    cell = (("sep_conv_3x3", 0), ("skip_connect", 1))
    with pytest.raises(UserError, match="is not in the space"):
        space.point_of({"normal": cell, "reduce": cell})
