import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.contrast.encoding import Encoding, Images

PIXELS = jnp.asarray(np.random.default_rng(0).integers(0, 256, (6, 1, 1, 3)), jnp.uint8)
IMAGES = Images(PIXELS, jnp.arange(6), jnp.asarray([1.0, 1, 1, 1, 1, 0]))


class Scaled(nn.Module):
    """Multiplies by a parameter, and remembers which examples it saw."""

    @nn.compact
    def __call__(self, x, train=False, examples=None):
        seen = self.variable("seen", "examples", lambda: jnp.zeros(6, jnp.int32))
        if examples is not None:
            seen.value = examples
        scale = self.param("scale", nn.initializers.ones, (3,))
        return x * scale[None]


def parts(names):
    state = {name: {"seen": {"examples": jnp.zeros(6, jnp.int32)}} for name in names}
    return {name: {"scale": jnp.asarray([2.0, 1.0, 1.0])} for name in names}, state


def encoding():
    modules = {"encoder": Scaled(), "head": Scaled(), "predictor": Scaled()}
    return Encoding(modules, lambda x: x.reshape(len(x), 3).astype(jnp.float32), None)


def test_parts_that_are_not_there_are_left_out():
    x = np.asarray(PIXELS).reshape(6, 3).astype(np.float32)
    for names in (("encoder", "head"), ("encoder", "head", "predictor")):
        features, changed = encoding()(*parts(names), IMAGES, jax.random.key(0))
        expected = x * np.asarray([2.0 ** len(names), 1, 1], np.float32)
        expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
        np.testing.assert_allclose(features, expected, rtol=1e-6)
        assert set(changed) == set(names)
    # what is no image counts for no statistic
    np.testing.assert_array_equal(changed["head"]["seen"]["examples"], [0, 1, 2, 3, 4, -6])


def test_keys_come_back_in_order_though_they_are_made_in_another():
    params, state = parts(("encoder", "head"))
    teacher = {**state, "params": params}
    straight, _ = encoding()(params, state, IMAGES, jax.random.key(0))
    keys, new = encoding().shuffled(teacher, IMAGES, jax.random.key(0), jax.random.key(1))
    np.testing.assert_allclose(keys, straight, rtol=1e-6)
    order = np.asarray(new["encoder"]["seen"]["examples"])
    assert sorted(order) == [-6, 0, 1, 2, 3, 4]
    assert list(order) != [0, 1, 2, 3, 4, -6]
