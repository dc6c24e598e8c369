"""A DiT of a few channels with weights that are all different."""

import jax
import numpy as np

from effjax import models

SHAPE = (8, 8, 1)
FIELDS = {
    "width": 12,
    "heads": 3,
    "depth": 3,
    "patch_size": 4,
    "mlp_ratio": 2.0,
    "in_chans": 1,
    "learn_sigma": False,
    "image_size": 8,
}


def tiny_dit(**fields):
    """(model, parameters as NumPy, float64)."""
    model = models.create_model("dit_s_2", num_classes=4, **{**FIELDS, **fields})
    leaves, tree = jax.tree.flatten(models.abstract_variables(model, SHAPE)["params"])
    rng = np.random.default_rng(0)
    return model, tree.unflatten([0.3 * rng.standard_normal(leaf.shape) for leaf in leaves])
