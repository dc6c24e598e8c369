"""Names and layouts of published weights."""

import re

import jax
import numpy as np
import pytest

from effjax.models import create_model, list_models
from effjax.models.registry import abstract_variables
from effjax.models.weights import from_torch, to_torch
from tests.models.model_parity import COUNTS, ENTRIES, by_size, state_dict

BACKBONE = re.compile("dualformer|visformer")


def same(a, b):
    assert sorted(a) == sorted(b)
    return all(np.array_equal(a[name], b[name]) and a[name].shape == b[name].shape for name in a)


def view(array):
    """Which memory an array is, and how it looks at it; axes of one entry have no stride."""
    strides = [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]
    return array.ctypes.data, array.shape, strides


@pytest.mark.parametrize("arch", by_size(ENTRIES, {"inception_next_atto", "visformer_micro_80"}))
def test_round_trip_of_recorded_entries(arch):
    state = state_dict(arch)
    assert same(to_torch(arch, from_torch(arch, state)), state)


@pytest.mark.parametrize("name", by_size(list_models()))
def test_every_tensor_has_a_name_of_its_own_and_comes_back(name):
    """The way to torch and back only changes how memory is looked at, so it can be compared by
    address and strides, without touching it: the largest model costs nothing."""
    # the video and few-shot models were counted without a classifier
    model = create_model(name, num_classes=0 if BACKBONE.match(name) else 1000)
    shapes = abstract_variables(model)
    unwritten = jax.tree.map(lambda leaf: np.empty(leaf.shape, np.float32), shapes)
    state = to_torch(model, unwritten)
    if "entries" in COUNTS.get(name, {}):
        assert len(state) == COUNTS[name]["entries"]
    back = from_torch(model, state)
    assert jax.tree.map(view, back) == jax.tree.map(view, unwritten)
