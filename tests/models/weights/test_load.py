"""Weight files into variables: strict, with a report; bad files in a sentence."""

import functools

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import create_model, load_weights, save_weights
from effjax.models.weights import to_torch
from tests.models.model_parity import random_variables

TINY = {"depths": 1, "dims": (8, 8, 32, 32), "patch_kernels": 3, "patch_pads": 1}
TINY |= {"patch_strides": 2}
IMAGE = (32, 32, 3)


@functools.cache  # nothing here writes into what it is given
def build(name="caformer_s18", num_classes=10, **fields):
    model = create_model(name, num_classes, **TINY | fields)
    shape = (*IMAGE[:2], model.architecture.in_chans)
    return model, random_variables(model, shape)


def fresh(variables):
    return jax.tree.map(np.zeros_like, variables)


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("name", ["caformer_s18", "randformer_s12"])
def test_save_and_load(name, tmp_path):
    model, variables = build(name)
    save_weights(model, variables, tmp_path / "new" / "weights.safetensors")
    loaded, report = load_weights(model, fresh(variables), tmp_path / "new" / "weights.safetensors")
    assert_equal(loaded, variables)
    assert len(report.loaded) == len(jax.tree.leaves(variables))
    assert [report.left_out, report.replaced, report.adapted, report.resized] == [[]] * 4


def test_loads_authors_names():
    model, variables = build("poolformer_s12")
    state = {}
    for name, value in to_torch(model, variables).items():
        name = name.replace("stem.conv", "patch_embed.proj").replace("head.norm", "norm")
        name = name.replace("head.fc", "head")
        for stage in range(4):
            name = name.replace(f"stages.{stage}.downsample.conv", f"network.{2 * stage - 1}.proj")
            name = name.replace(f"stages.{stage}.blocks", f"network.{2 * stage}")
        for i in "12":
            name = name.replace(f"layer_scale{i}.scale", f"layer_scale_{i}")
        state[name] = value
    loaded, _ = load_weights(model, fresh(variables), state)
    assert_equal(loaded, variables)


def test_another_class_count_keeps_the_fresh_classifier():
    model, variables = build(num_classes=10)
    wider, wanted = build(num_classes=7)
    loaded, report = load_weights(wider, fresh(wanted), to_torch(model, variables))
    assert sorted(report.replaced) == ["head.fc.fc2.bias", "head.fc.fc2.weight"]
    assert not loaded["params"]["head"]["fc"]["fc2"]["kernel"].any()
    assert_equal(loaded["params"]["stem"], variables["params"]["stem"])


def test_classes_choose_rows_of_the_classifier():
    model, variables = build(num_classes=10)
    narrow, wanted = build(num_classes=3)
    state = to_torch(model, variables)
    loaded, report = load_weights(narrow, fresh(wanted), state, classes=(7, -1, 0))
    assert report.adapted == ["head.fc.fc2.bias", "head.fc.fc2.weight"]
    for leaf in ("kernel", "bias"):
        given = variables["params"]["head"]["fc"]["fc2"][leaf]
        found = loaded["params"]["head"]["fc"]["fc2"][leaf]
        np.testing.assert_array_equal(found[..., 0], given[..., 7])
        np.testing.assert_allclose(found[..., 1], given.mean(-1), rtol=1e-6)
        np.testing.assert_array_equal(found[..., 2], given[..., 0])
    with pytest.raises(UserError, match=r"10 in the file, .* of the model is 3"):
        load_weights(narrow, fresh(wanted), state, classes=(7, 0))


def test_no_classifier_leaves_the_head_out():
    model, variables = build()
    headless, wanted = build(num_classes=0)
    loaded, report = load_weights(headless, fresh(wanted), to_torch(model, variables))
    assert_equal(loaded["params"]["stages_3"], variables["params"]["stages_3"])
    assert {name.rsplit(".", 2)[-2] for name in report.left_out} == {"fc1", "norm", "fc2"}
    again, report = load_weights(headless, fresh(wanted), to_torch(headless, wanted))
    assert_equal(again, wanted)
    assert not report.left_out


@pytest.mark.parametrize("channels", [1, 6])
def test_first_layer_is_fitted_to_the_channels(channels):
    model, variables = build()
    other, wanted = build(in_chans=channels)
    loaded, report = load_weights(other, fresh(wanted), to_torch(model, variables))
    assert report.adapted == ["stem.conv.weight"]
    # an image whose channels all repeat one map gives the same first features
    kernel, fitted = (v["params"]["stem"]["conv"]["kernel"] for v in (variables, loaded))
    np.testing.assert_allclose(fitted.sum(2), kernel.sum(2), rtol=1e-5)


def test_rename_and_ignore():
    model, variables = build()
    state = {f"backbone.{name}": x for name, x in to_torch(model, variables).items()}
    state["backbone.extra.weight"] = np.zeros(3)
    del state["backbone.stem.norm.weight"]
    with pytest.raises(UserError, match="tensors of the model are not in the weights"):
        load_weights(model, variables, state)
    loaded, report = load_weights(
        model, fresh(variables), state, ignore=("extra", r"stem\.norm"), rename={"^backbone\\.": ""}
    )
    assert report.left_out == ["extra.weight"]
    assert_equal(loaded["params"]["head"], variables["params"]["head"])


def test_weights_of_another_model_are_refused():
    model, variables = build()
    other, others = build("convformer_s18")
    with pytest.raises(UserError, match=r"stages\.2\.blocks\.0\.token_mixer\.qkv\.weight"):
        load_weights(model, variables, to_torch(other, others))


def test_a_wrong_shape_is_named():
    model, variables = build()
    state = to_torch(model, variables)
    state["stem.norm.weight"] = np.ones(9, np.float32)
    with pytest.raises(UserError, match=r"stem\.norm\.weight is 9 in the file, .* model is 8"):
        load_weights(model, variables, state)


def test_truncated_tensors(tmp_path):
    model, variables = build()
    path = tmp_path / "weights.safetensors"
    save_weights(model, variables, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        load_weights(model, variables, path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rename": {"(": ""}}, "expected a regular expression"),
        ({"ignore": ("(",)}, "expected a regular expression"),
        ({"rename": {"^.*$": "same"}}, "rename makes two tensors 'same'"),
    ],
)
def test_wrong_patterns_are_named(options, said):
    model, variables = build()
    with pytest.raises(UserError, match=said):
        load_weights(model, variables, to_torch(model, variables), **options)
