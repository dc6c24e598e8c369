import jax
import jax.numpy as jnp
import pytest

from effjax.errors import UserError
from effjax.search.cells.supernet import CellSpace, CellSupernet, thirds


def test_all_fourteen_edges_of_darts():
    space = CellSpace()
    assert len(space.edges) == 14
    assert space.edges[:5] == ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert space.sources() == ((0, 1), (2,), (3,), (4,))
    assert space.rows((0, 1)) == [0, 2, 5, 9, 1, 3, 6, 10]


def test_maps_halve_and_widen_at_reductions():
    space = CellSpace(operations=("skip_connect", "dil_conv_3x3"), nodes=2)
    net = CellSupernet(space, 10, 4, 3, thirds(3))
    weights = {kind: jnp.ones((5, 2)) for kind in ("normal", "reduce")}
    images = jnp.zeros((1, 8, 8, 3))
    variables = jax.eval_shape(net.init, jax.random.key(0), images, weights)
    logits, maps = jax.eval_shape(
        lambda v: net.apply(v, images, weights, method="with_maps"), variables
    )
    assert logits.shape == (1, 10)
    assert [one.shape[1:] for one in maps] == [(8, 8, 8), (4, 4, 16), (2, 2, 32), (32,)]


def test_operations_that_are_none_are_refused():
    with pytest.raises(UserError, match="operations has 'conv'"):
        CellSpace(operations=("conv",))
