import sys

import numpy as np
import pytest
from model_parity import random_variables

from effjax.errors import UserError
from effjax.models import create_model, list_models, load_weights, pretrained
from effjax.models.weights import fetch, to_torch, write_state


def test_entries_belong_to_registered_models():
    names = list_models(pretrained=True)
    assert {name.partition(".")[0] for name in names} <= set(list_models())
    assert len(list_models("caformer_*", pretrained=True)) == 20


def test_an_entry_drives_preprocessing():
    weights = pretrained("caformer_s18.sail_in22k_ft_in1k_384")
    assert (weights.input_size, weights.crop, weights.top1) == (384, 1.0, 85.4)
    assert weights.source == "hub:timm/caformer_s18.sail_in22k_ft_in1k_384"
    assert pretrained("poolformer_m36.sail_in1k").crop == 0.95
    assert pretrained("convformer_b36.sail_in22k").num_classes == 21841
    assert pretrained("vit_small_patch16_224.augreg_in1k").mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "said"),
    [("caformer_s18.sail_in2k", "sail_in1k"), ("caformer_s19.sail_in1k", "unknown model")],
)
def test_unknown_names(name, said):
    with pytest.raises(UserError, match=said):
        pretrained(name)


def test_the_tag_does_not_change_the_architecture():
    assert create_model("caformer_s18.sail_in1k_384") == create_model("caformer_s18")


def test_hub_needs_its_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"effjax\[hub\]"):
        fetch("caformer_s18.sail_in1k")


def test_hub_cache_serves_without_network(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    fields = {"depths": 1, "dims": (8, 8, 32, 32)}
    model = create_model("caformer_s18", **fields)
    variables = random_variables(model, (64, 64, 3))
    repository = tmp_path / "models--timm--caformer_s18.sail_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    state = to_torch(model, variables)
    write_state(state, repository / "snapshots" / ("0" * 40) / "model.safetensors")
    loaded, _ = load_weights(model, variables, "hub:timm/caformer_s18.sail_in1k")
    np.testing.assert_array_equal(
        loaded["params"]["stem"]["conv"]["kernel"], variables["params"]["stem"]["conv"]["kernel"]
    )
    with pytest.raises(UserError, match="cannot fetch hub:timm/nothing"):
        fetch("hub:timm/nothing")
