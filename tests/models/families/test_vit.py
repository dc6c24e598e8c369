from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model
from effjax.models.families.vit import Shown
from tests.models.model_parity import images

SMALL = {"width": 32, "heads": 2, "depth": 4, "patch_size": 8}


def shapes_of(model, shape):
    return abstract_variables(model, shape)


def test_stages_are_quarters_of_the_blocks():
    model = create_model("vit_tiny_patch16_224", 10, **SMALL)
    variables = shapes_of(model, (32, 32, 3))
    run = partial(model.apply, method="features")
    features = jax.eval_shape(run, variables, images((2, 32, 32, 3)))
    assert [features[f"stage{i}"].shape for i in (1, 2, 3, 4)] == [(2, 17, 32)] * 4


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((48, 48), "48x48 make 36 patches, the model has positions for 16"),
        ((30, 30), "do not divide into patches"),
        ((16, 64), r"16x64 are not square: .*\nset image_size=\(16, 64\)"),
    ],
)
def test_other_sizes_are_refused(size, said):
    model = create_model("vit_tiny_patch16_224", 10, **SMALL)
    variables = shapes_of(model, (32, 32, 3))
    with pytest.raises(UserError, match=said):
        jax.eval_shape(model.apply, variables, images((2, *size, 3)))


def test_a_grid_that_is_not_square_belongs_to_the_architecture():
    model = create_model("vit_tiny_patch16_224", 10, image_size=(16, 64), **SMALL)
    variables = shapes_of(model, None)
    assert variables["params"]["pos_embed"].shape == (1, 17, 32)  # the tree of a square
    assert jax.eval_shape(model.apply, variables, images((2, 16, 64, 3))).shape == (2, 10)
    with pytest.raises(UserError, match=r"images 32x32, but the model has image_size=\(16, 64\)"):
        jax.eval_shape(model.apply, variables, images((2, 32, 32, 3)))


def test_heads_divide_the_width():
    with pytest.raises(UserError, match="width=32 is no multiple of heads=3"):
        create_model("vit_tiny_patch16_224", **SMALL | {"heads": 3})


def test_patches_may_be_left_out_or_replaced():
    """A patch that is left out is one that nothing attends to; order does not matter."""
    sizes = {"width": 8, "heads": 2, "depth": 1, "patch_size": 8}
    model = create_model("vit_tiny_patch16_224", 0, **sizes)
    x = jnp.asarray(images((2, 32, 32, 3)), jnp.float32)
    variables = jax.jit(model.init)(jax.random.key(0), x)

    @jax.jit
    def tokens(shown):
        return model.apply(variables, x, shown=shown, method="tokens")

    every = jnp.tile(jnp.arange(15, -1, -1), (2, 1))
    whole = tokens(Shown(every))
    backwards = tokens(Shown())
    np.testing.assert_allclose(whole[:, 1:], backwards[:, :0:-1], atol=1e-5)
    assert tokens(Shown(every[:, :3])).shape == (2, 4, 8)
    hidden = jnp.zeros((2, 16), bool).at[0, 3].set(True)
    replaced = tokens(Shown(hidden=hidden, stand_in=jnp.ones(8)))
    # the second image hides nothing
    np.testing.assert_allclose(replaced[1], backwards[1], atol=1e-5)
    assert float(jnp.abs(replaced[0] - backwards[0]).max()) > 1e-3
