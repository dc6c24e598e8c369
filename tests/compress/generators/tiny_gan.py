"""A generator and a critic of a few channels, with weights that are all different."""

import jax
import numpy as np

from effjax import models

SHAPE = (8, 8, 3)


def tiny_gan(dtype="float64"):
    """((generator, its parameters), (critic, its parameters))."""
    rng = np.random.default_rng(0)
    found = []
    for name, widths in (("conv_generator_tiny", (5, 4, 3)), ("conv_critic_tiny", (4, 5))):
        fields = {"latent": 3, "label_width": 2} if "generator" in name else {}
        model = models.create_model(
            name,
            num_classes=2,
            image_size=8,
            widths=widths,
            dtype=dtype,
            param_dtype=dtype,
            **fields,
        )
        leaves, tree = jax.tree.flatten(models.abstract_variables(model, SHAPE)["params"])
        draws = [0.5 * rng.standard_normal(leaf.shape) for leaf in leaves]
        found.append((model, tree.unflatten(draws)))
    return found
