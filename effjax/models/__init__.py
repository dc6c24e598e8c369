"""Image models: a registry of architectures, one file a family."""

from effjax.models import published, weights
from effjax.models.base import ImageModel
from effjax.models.blocks.mixers import MIXERS, TokenMixer
from effjax.models.counting import Cost, cost
from effjax.models.families import (
    convnext,
    dualformer,
    inception_next,
    inception_transformer,
    metaformer,
    resnet,
    visformer,
    vit,
)
from effjax.models.registry import (
    Pretrained,
    create_model,
    default_fields,
    entry,
    list_models,
    pretrained,
    read_architecture,
    register,
    register_pretrained,
    write_architecture,
)
from effjax.models.weights import load_weights, save_weights

__all__ = [
    "MIXERS",
    "Cost",
    "ImageModel",
    "Pretrained",
    "TokenMixer",
    "convnext",
    "cost",
    "create_model",
    "default_fields",
    "dualformer",
    "entry",
    "inception_next",
    "inception_transformer",
    "list_models",
    "load_weights",
    "metaformer",
    "pretrained",
    "published",
    "read_architecture",
    "register",
    "register_pretrained",
    "resnet",
    "save_weights",
    "visformer",
    "vit",
    "weights",
    "write_architecture",
]
