import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.models.blocks.layers import Scale
from effjax.models.blocks.mlp import Mlp, scaled
from effjax.ops import traced_for


def test_widens_activates_and_narrows():
    x = np.ones((2, 3, 4), np.float32)
    layer = Mlp(ratio=1.5, activation="relu", use_bias=False)
    params = layer.init(jax.random.key(0), x)["params"]
    assert params["fc1"]["kernel"].shape == (4, 6)
    wanted = np.maximum(x @ params["fc1"]["kernel"], 0) @ params["fc2"]["kernel"]
    np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-6)


class ScaledMlp(nn.Module):
    @nn.compact
    def __call__(self, x):
        return scaled(Mlp(name="mlp"), x, Scale(0.5, name="scale"))


def test_a_scale_is_worth_the_same_ahead_of_the_last_product():
    layer = ScaledMlp()
    x = jax.random.normal(jax.random.key(0), (2, 3, 4))
    params = layer.init(jax.random.key(1), x)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    params = tree.unflatten([jax.random.normal(k, p.shape) for k, p in zip(keys, leaves)])

    def both(platform):
        with traced_for(platform):
            return jax.value_and_grad(lambda p, x: jnp.sin(layer.apply(p, x)).sum(), (0, 1))(
                params, x
            )

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        both("tpu"),
        both("cpu"),
    )
    with traced_for("tpu"):
        jaxpr = jax.make_jaxpr(lambda x: layer.apply(params, x))(x)
    multiplied = [e.outvars[0].aval.shape for e in jaxpr.eqns if e.primitive.name == "mul"]
    assert (16, 4) in multiplied  # the kernel
    assert (2, 3, 4) not in multiplied  # the map
