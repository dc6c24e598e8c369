"""Image models: a registry of architectures, one file a family."""

from effjax.models import (
    convnext,
    dualformer,
    inception_next,
    inception_transformer,
    metaformer,
    resnet,
    visformer,
    vit,
    weights,
)
from effjax.models.base import ImageModel
from effjax.models.cost import Cost, cost
from effjax.models.mixers import MIXERS, TokenMixer
from effjax.models.pretrained import Pretrained, list_pretrained, pretrained
from effjax.models.registry import create_model, default_fields, entry, list_models, register
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
    "list_pretrained",
    "load_weights",
    "metaformer",
    "pretrained",
    "register",
    "resnet",
    "save_weights",
    "visformer",
    "vit",
    "weights",
]
