import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.families.vit import ViTArchitecture
from effjax.tasks.pretraining.masked_images.decoder import Decoder, fixed_positions


def test_the_class_token_has_no_position():
    table = fixed_positions((2, 3), 8)
    assert table.shape == (1, 7, 8)
    assert not table[0, 0].any()


def test_all_patches_are_predicted_from_a_few():
    decoder = Decoder(ViTArchitecture(8, 2, 1), 5, (2, 3))
    tokens = jnp.ones((2, 1 + 2, 4))
    places = jnp.tile(jnp.arange(6)[None], (2, 1))
    shapes = jax.eval_shape(lambda: decoder.init_with_output(jax.random.key(0), tokens, places)[0])
    assert shapes.shape == (2, 6, 5)
    assert np.dtype(shapes.dtype) == np.float32
