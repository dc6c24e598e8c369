"""Names and layouts of published weights."""

import re

import jax
import numpy as np
import pytest
from model_parity import COUNTS, ENTRIES, by_size, state_dict

from effjax.models import create_model, list_models
from effjax.models.registry import abstract_variables
from effjax.models.weights import from_torch, to_torch

BACKBONE = re.compile("dualformer|visformer")


def same(a, b):
    assert sorted(a) == sorted(b)
    return all(np.array_equal(a[name], b[name]) and a[name].shape == b[name].shape for name in a)


@pytest.mark.parametrize("arch", by_size(ENTRIES, {"inception_next_atto", "visformer_micro_80"}))
def test_round_trip_of_recorded_entries(arch):
    state = state_dict(arch)
    assert same(to_torch(arch, from_torch(arch, state)), state)


@pytest.mark.parametrize("name", by_size(list_models()))
def test_every_tensor_has_a_name_of_its_own(name):
    """Shapes only: the zeros take no memory."""
    # the video and few-shot models were counted without a classifier
    model = create_model(name, num_classes=0 if BACKBONE.match(name) else 1000)
    shapes = abstract_variables(model)
    zeros = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), shapes)
    state = to_torch(model, zeros)
    if "entries" in COUNTS.get(name, {}):
        assert len(state) == COUNTS[name]["entries"]
    back = from_torch(model, state)
    assert jax.tree.map(np.shape, back) == jax.tree.map(lambda leaf: leaf.shape, shapes)
