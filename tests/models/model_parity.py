"""Weights, images and references rebuilt from names alone (tests/parity)."""

import functools
import json
import math
import re
import zlib
from pathlib import Path

import jax
import numpy as np
import pytest

from effjax.models.registry import abstract_variables

PARITY = Path(__file__).parents[1] / "parity"


# One size of each family runs by default: the others differ in no line of code.
FIRST = {
    "caformer_s18",
    "convformer_s18",
    "convnext_tiny",
    "dualformer_tiny",
    "identityformer_s12",
    "inception_next_atto",
    "inception_transformer_small",
    "poolformer_s12",
    "poolformerv2_s12",
    "randformer_s12",
    "resnet50",
    "visformer_micro_80",
    "vit_small_patch16_224",
}


def by_size(names, fast=FIRST):
    """Parameters of a test: those that are not in `fast` are slow."""
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in sorted(names)]


def our_names(recorded):
    """`recorded` by our names of the models."""

    def ours(name):
        return re.sub("^iformer_", "inception_transformer_", name)

    return {ours(name): value for name, value in recorded.items()}


COUNTS = our_names(json.loads((PARITY / "model_counts.json").read_text()))
ENTRIES = our_names(json.loads((PARITY / "state_dict_entries.json").read_text()))


@functools.cache
def references(file="models.npz"):
    with np.load(PARITY / file) as stored:
        return our_names(stored)


def fill(name, shape, seed=0):
    """The float32 tensor that stands for the weight `name` in torch's layout."""
    rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    x = rng.standard_normal(shape).astype(np.float32)
    leaf = name.split(".")[-1]
    prefixes = ("layer_scale", "res_scale")
    scale_like = leaf in ("weight", "scale", "gamma") or leaf.startswith(prefixes)
    if name.endswith("running_var"):
        return 1 + np.float32(0.1) * np.abs(x)
    if len(shape) >= 2 and (leaf == "weight" or not scale_like):
        y = x / np.float32(math.sqrt(math.prod(shape[1:])))
        if leaf == "random_matrix":
            y = np.exp(y - y.max(-1, keepdims=True))
            y /= y.sum(-1, keepdims=True)
        return y
    return (1 if scale_like else 0) + np.float32(0.1) * x


def state_dict(arch):
    """The whole state dict of a fixture."""
    return {
        name: np.zeros(shape, dtype) if "int" in dtype else fill(name, shape)
        for name, shape, dtype in ENTRIES[arch]
    }


def random_variables(model, input_shape):
    """Weights of a sensible size for any model, drawn by numpy: initialisers compile slowly."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        x = rng.standard_normal(leaf.shape).astype(np.float32)
        if path[-1].key in ("scale", "var"):
            return 1 + np.float32(0.1) * np.abs(x)
        return x / np.float32(math.sqrt(math.prod(leaf.shape[:-1])) + 1)

    return jax.tree_util.tree_map_with_path(draw, abstract_variables(model, input_shape))


def images(shape=(2, 224, 224, 3), seed=0):
    rng = np.random.Generator(np.random.PCG64([seed, 12345]))
    return rng.standard_normal(shape).astype(np.float32)


def as_float64(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def ends(x):
    """Mean over positions, first and last position of a map [B, ..., C]."""
    tokens = x.reshape(x.shape[0], -1, x.shape[-1])
    return {"mean": tokens.mean(1), "first": tokens[:, 0], "last": tokens[:, -1]}
