"""From names to files, through the hub's cache alone."""

import sys

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import create_model, load_weights
from effjax.models.weights import fetch
from tests.models.hub import SMALL, hub_cache, kernel
from tests.models.model_parity import random_variables


def test_a_path_stands_for_itself(tmp_path):
    assert fetch(tmp_path / "w.safetensors") == tmp_path / "w.safetensors"


def test_hub_needs_its_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"effjax\[hub\]"):
        fetch("caformer_s18.sail_in1k")


def test_hub_cache_serves_without_network(offline):
    model = create_model("caformer_s18", **SMALL)
    variables = random_variables(model, (64, 64, 3))
    hub_cache(offline, "timm/caformer_s18.sail_in1k", model, variables)
    loaded, _ = load_weights(model, variables, "hub:timm/caformer_s18.sail_in1k")
    np.testing.assert_array_equal(kernel(loaded), kernel(variables))
    with pytest.raises(UserError, match="cannot fetch hub:timm/nothing"):
        fetch("hub:timm/nothing")
