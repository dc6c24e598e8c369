"""Published weights by name: their facts, and models that start from them, offline."""

import jax
import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.models import create_model, list_models, pretrained
from effjax.models.weights import to_torch, write_state
from effjax.report import choose_display
from effjax.tasks.run import restore
from tests.models.hub import SMALL, hub_cache, kernel
from tests.models.model_parity import random_variables


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


def test_a_pretrained_model_starts_from_its_weights(offline):
    model = create_model("caformer_s18", **SMALL)
    variables = random_variables(model, (64, 64, 3))
    hub_cache(offline, "timm/caformer_s18.sail_in1k", model, variables)
    images = np.zeros((1, 64, 64, 3), np.float32)
    for name in ("caformer_s18.sail_in1k", "caformer_s18"):  # the tag, or the first one listed
        found = create_model(name, pretrained=True, **SMALL).init(jax.random.key(0), images)
        np.testing.assert_array_equal(kernel(found), kernel(variables))
    jitted = jax.jit(create_model("caformer_s18", pretrained=True, **SMALL).init)
    np.testing.assert_array_equal(kernel(jitted(jax.random.key(0), images)), kernel(variables))
    # another number of classes: a fresh classifier over the same backbone
    ten = create_model("caformer_s18", 10, pretrained=True, **SMALL).init(jax.random.key(0), images)
    assert ten["params"]["head"]["fc"]["fc2"]["kernel"].shape[-1] == 10
    np.testing.assert_array_equal(kernel(ten), kernel(variables))


@pytest.mark.slow
def test_a_pretrained_model_may_start_from_a_file(tmp_path):
    model = create_model("caformer_s18", **SMALL)
    variables = random_variables(model, (64, 64, 3))
    write_state(to_torch(model, variables), tmp_path / "mine.safetensors")
    again = create_model("caformer_s18", pretrained=str(tmp_path / "mine.safetensors"), **SMALL)
    found = again.init(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))
    np.testing.assert_array_equal(kernel(found), kernel(variables))


def test_unknown_pretrained_names(offline):
    with pytest.raises(UserError, match="sail_in1k"):
        create_model("caformer_s18.sail_in2k", pretrained=True)
    with pytest.raises(UserError, match="no published weights"):
        create_model("visformer_micro_80", pretrained=True)
    model = create_model("caformer_s36.sail_in1k", pretrained=True, **SMALL)
    with pytest.raises(UserError, match="cannot fetch hub:timm/caformer_s36"):
        model.init(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))


def test_a_run_starts_from_the_hub(offline, tmp_path):
    model = create_model("caformer_s18", **SMALL)
    variables = random_variables(model, (64, 64, 3))
    hub_cache(offline, "timm/caformer_s18.sail_in1k", model, variables)
    config = effjax.default_config()
    config.total_steps = 1.0
    config.init_from = "hub:timm/caformer_s18.sail_in1k"
    config.model.update(**SMALL)
    config.data.update(name="synthetic", synthetic_examples=8, batch_size=8, image_size=64)
    config.optim.default.update(learning_rate=0.0)
    config.log.update(tensorboard=False, curves=False)
    effjax.train(config, tmp_path / "run", display=choose_display(quiet=True))
    _, state = restore(tmp_path / "run", choose_display(quiet=True))
    np.testing.assert_array_equal(kernel({"params": state.params}), kernel(variables))


def test_the_tag_does_not_change_the_architecture():
    assert create_model("caformer_s18.sail_in1k_384") == create_model("caformer_s18")
