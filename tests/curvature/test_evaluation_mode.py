"""A network that is called for training runs as in evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.curvature.evaluation_mode import evaluation_mode


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dropout(0.5, deterministic=not train)(x)


def test_dropout_and_batch_statistics_rest():
    net, x = Net(), jnp.arange(12.0).reshape(4, 3)
    variables = net.init(jax.random.key(0), x, train=False)

    def call():
        return net.apply(variables, x, mutable=["batch_stats"], rngs={"dropout": jax.random.key(1)})

    trained, _ = call()
    with evaluation_mode():
        evaluated, changed = call()
    np.testing.assert_allclose(evaluated, net.apply(variables, x, train=False))
    assert not np.allclose(trained, evaluated)
    assert jax.tree.all(
        jax.tree.map(jnp.array_equal, changed, {"batch_stats": variables["batch_stats"]})
    )
