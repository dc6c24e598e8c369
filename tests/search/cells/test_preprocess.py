import jax
import jax.numpy as jnp

from effjax.search.cells.preprocess import Fit, FitReduced


def test_one_keeps_the_map_the_other_halves_it():
    x = jnp.ones((1, 5, 5, 3))
    for kind, side in ((Fit, 5), (FitReduced, 3)):
        layer = kind(4, None)
        variables = jax.eval_shape(layer.init, jax.random.key(0), x, None)
        found = jax.eval_shape(lambda v, layer=layer: layer.apply(v, x, None), variables)
        assert found.shape == (1, side, side, 4)
        assert "bn" not in variables["params"]  # its norm learns nothing
