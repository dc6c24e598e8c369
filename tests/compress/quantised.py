"""A small network, and families, for tests of fewer bits."""

import jax

from effjax import models
from effjax.compress.calibrate import calibrate
from effjax.compress.quantised import LIMITS, Bits, quantise

SHAPE = (8, 8, 3)
FIELDS = {
    "depths": (1,),
    "dims": (8,),
    "strides": (2,),
    "remat": (False,),
    "block": "basic",
    "stem_kernel": 3,
    "stem_stride": 1,
    "stem_pool": False,
}
SMALL = {"depths": (1, 1, 1, 1), "dims": (8, 16, 32, 32)}
# one of each family, with the smallest images that it takes
FAMILIES = {
    "caformer_s18": (64, SMALL),
    "convformer_s18": (64, SMALL | {"scan": True}),
    "poolformer_s12": (64, SMALL),
    "randformer_s12": (224, SMALL),
    "inception_next_atto": (64, {}),
    "inception_transformer_small": (224, {}),
    "convnext_atto": (64, {}),
    "vit_tiny_patch16_224": (64, {"depth": 2}),
    "visformer_micro_80": (80, {}),
    "resnet18": (64, {}),
}
EIGHT = Bits(8, 8)


def small_network(bits=EIGHT, **fields):
    """(model, variables with measured limits, images)."""
    model = quantise(models.create_model("resnet50", num_classes=3, **FIELDS | fields), bits)
    images = jax.random.normal(jax.random.key(0), (4, *SHAPE))
    variables = jax.jit(model.init)(jax.random.key(1), images)
    limits = calibrate(model, variables, [images])
    return model, {**variables, LIMITS: limits}, images


def without_limits(variables):
    return {name: tree for name, tree in variables.items() if name != LIMITS}
