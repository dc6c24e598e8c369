import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.errors import UserError

TINY = {"depths": (1, 1), "widths": (8, 16), "heads": 2}


def test_the_output_is_zero_at_the_start():
    model = models.create_model("unet_tiny", 5, **TINY)
    given = (jnp.ones((1, 8, 8, 3)), jnp.zeros(1), jnp.zeros(1, int))
    out, _ = jax.jit(lambda *x: model.init_with_output(jax.random.key(0), *x))(*given)
    assert out.shape == (1, 8, 8, 3)
    assert not out.any()


def test_sides_that_cannot_be_halved_are_refused():
    model = models.create_model("unet_tiny", 5, **TINY)
    with pytest.raises(UserError, match="multiples of 2"):
        models.abstract_variables(model, (7, 7, 3))
