import numpy as np
import pytest

from effjax.search.cells.spaces import NasBench201Space
from effjax.search.encodings import cate as module
from effjax.search.registry import find_encoding

SPACE = NasBench201Space(width=2, cells=1)


@pytest.mark.slow
def test_points_get_finite_codes_that_a_seed_repeats(monkeypatch):
    monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(module, "POINTS", 24)
    points = [SPACE.sample(np.random.default_rng(number)) for number in range(4)]
    codes = [find_encoding("cate")(SPACE, np.random.default_rng(0))(points) for _ in range(2)]
    assert codes[0].shape[0] == 4
    assert np.isfinite(codes[0]).all()
    np.testing.assert_array_equal(codes[0], codes[1])
    assert len(np.unique(codes[0].round(6), axis=0)) == len(set(points))


def test_costs_of_independent_edges_are_those_of_the_networks():
    points = [(0, 2, 3, 1, 3, 2), (3, 3, 3, 3, 3, 3)]
    exact = [module._parameters(SPACE, point) for point in points]
    np.testing.assert_allclose(module.additive_costs(SPACE, points), exact)
