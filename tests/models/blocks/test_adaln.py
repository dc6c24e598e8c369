import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.blocks.adaln import (
    AdaLnBlock,
    RelativeBias,
    normalise,
    patches_to_map,
    relative_index,
)


def test_a_new_block_is_the_identity():
    x, c = jax.random.normal(jax.random.key(0), (2, 4, 8)), jnp.ones((2, 8))
    out, _ = AdaLnBlock(2, 16).init_with_output(jax.random.key(1), x, c)
    np.testing.assert_allclose(out, x)


def test_rows_are_normalised():
    x = normalise(3 + 2 * jax.random.normal(jax.random.key(0), (4, 64)))
    np.testing.assert_allclose(x.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(-1), 1, atol=1e-3)


def test_patches_find_their_places():
    image = jnp.arange(4 * 6 * 2.0).reshape(1, 4, 6, 2)
    patches = image.reshape(1, 2, 2, 3, 2, 2).swapaxes(2, 3).reshape(1, 6, 8)
    assert (patches_to_map(patches, (2, 3), 2) == image).all()


def test_equal_distances_share_a_bias():
    index = relative_index((2, 3))
    assert index[0, 1] == index[3, 4]
    assert index[0, 1] != index[1, 0]
    assert index.min() == 0
    assert index.max() == 3 * 5 - 1


def test_kept_tokens_take_their_rows_and_columns():
    layer = RelativeBias(2, (2, 2))
    variables = layer.init(jax.random.key(0))
    kept = jnp.asarray([[2, 0], [1, 3]])
    whole, part = layer.apply(variables), layer.apply(variables, kept)
    assert part.shape == (2, 2, 2, 2)
    assert (part[1] == whole[0][:, kept[1]][:, :, kept[1]]).all()
