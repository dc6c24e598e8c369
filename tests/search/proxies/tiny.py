"""A network small enough for its Hessian, and batches for it."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.models import create_model
from effjax.models.blocks.layers import Linear
from effjax.models.blocks.norms import LayerNorm
from effjax.search.proxies.network import Batch, Pass, as_float64

IMAGE = (2, 2, 1)
CLASSES = 3


class Chain(nn.Module):
    """Linear layers with ReLUs on the flat image; a layer norm if asked for."""

    widths: tuple[int, ...] = (4,)
    bias: bool = False
    norm: bool = False

    @nn.compact
    def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = images.reshape(len(images), -1)
        for i, width in enumerate(self.widths):
            x = nn.relu(Linear(width, self.bias, nn.initializers.normal(1.0), name=f"fc{i}")(x))
        if self.norm:
            x = LayerNorm(name="norm")(x)
        logits = Linear(CLASSES, self.bias, nn.initializers.normal(1.0), name="head")(x)
        return logits, x[:, None, None]


def apply_of(module):
    def apply(variables, images, train):
        return Pass(*module.apply(variables, images), variables)

    return apply


def variables_of(module, seed=0):
    """Float64 variables; call it where JAX has 64-bit floats."""
    drawn = module.init(jax.random.key(seed), jnp.zeros((1, *IMAGE)))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), drawn)


def batch(seed=0, count=6):
    rng = np.random.default_rng(seed)
    images = jnp.asarray(rng.standard_normal((count, *IMAGE)))
    return Batch(images, jnp.arange(count) % CLASSES)


def metaformer(mixers, **fields):
    """A MetaFormer of two stages with a block each, for 16 x 16 images."""
    fields = {
        "depths": (1, 1),
        "dims": (4, 8),
        "mixers": mixers,
        "kernel_sizes": (3, 3),
        "patch_kernels": (4, 2),
        "patch_strides": (4, 2),
        "patch_pads": (0, 0),
        "layer_scale": (None, None),
        "residual_scale": (None, None),
        "remat": (False, False),
        "mlp_ratio": 1.0,
        "drop_path_rate": 0.0,
        "head": "linear",
    } | fields
    return create_model("convformer_s18", num_classes=CLASSES, **fields)


def fresh(model):
    """Its variables in 64-bit floats."""
    init = jax.jit(lambda key: model.init(key, jnp.zeros((1, 16, 16, 3))))
    return as_float64(init(jax.random.key(0)))
