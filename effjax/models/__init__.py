"""Image models: a registry of architectures, one file a family."""

from effjax.models import published, weights
from effjax.models.architecture import Window, entry_of_block, set_per_block
from effjax.models.architecture_file import (
    TRAINING_FIELDS,
    read_architecture,
    write_architecture,
)
from effjax.models.base import ImageModel
from effjax.models.blocks.mixers import MIXERS, TokenMixer, list_mixers, register_mixer
from effjax.models.blocks.recompute import compile_for_cpu
from effjax.models.counting import Cost, cost
from effjax.models.create import create_model
from effjax.models.denoiser import Denoiser, Hidden
from effjax.models.families import (
    autoencoder,
    conv_gan,
    convnext,
    darts,
    dit,
    dualformer,
    inception_next,
    inception_transformer,
    mdt,
    metaformer,
    metaformer_sizes,
    nasbench201,
    resnet,
    unet,
    uvit,
    visformer,
    vit,
)
from effjax.models.feature_info import FeatureMap, feature_info
from effjax.models.layout import Layout
from effjax.models.network import Network
from effjax.models.registry import (
    Pretrained,
    abstract_variables,
    default_fields,
    entry,
    list_models,
    pretrained,
    register,
    register_family,
    register_pretrained,
    without_tag,
)
from effjax.models.weights import load_weights, save_weights

__all__ = [
    "MIXERS",
    "TRAINING_FIELDS",
    "Cost",
    "Denoiser",
    "FeatureMap",
    "Hidden",
    "ImageModel",
    "Layout",
    "Network",
    "Pretrained",
    "TokenMixer",
    "Window",
    "abstract_variables",
    "autoencoder",
    "compile_for_cpu",
    "conv_gan",
    "convnext",
    "cost",
    "create_model",
    "darts",
    "default_fields",
    "dit",
    "dualformer",
    "entry",
    "entry_of_block",
    "feature_info",
    "inception_next",
    "inception_transformer",
    "list_mixers",
    "list_models",
    "load_weights",
    "mdt",
    "metaformer",
    "metaformer_sizes",
    "nasbench201",
    "pretrained",
    "published",
    "read_architecture",
    "register",
    "register_family",
    "register_mixer",
    "register_pretrained",
    "resnet",
    "save_weights",
    "set_per_block",
    "unet",
    "uvit",
    "visformer",
    "vit",
    "weights",
    "without_tag",
    "write_architecture",
]
