"""Every family against the outputs that its reference recorded, from the same weights."""

import jax
import numpy as np
import pytest

from effjax.models import create_model
from effjax.models.weights import from_torch, to_torch
from tests.models.model_parity import as_float64, ends, images, references, state_dict

SLOW = pytest.mark.slow
ARCHS = [
    "poolformer_s12",
    pytest.param("poolformer_m36", marks=SLOW),
    pytest.param("poolformerv2_s12", marks=SLOW),
    pytest.param("identityformer_s12", marks=SLOW),
    pytest.param("randformer_s12", marks=SLOW),
    pytest.param("convformer_s18", marks=SLOW),  # its parts are those of the next
    "caformer_s18",
    pytest.param("caformer_b36", marks=SLOW),
    pytest.param("inception_next_atto", marks=SLOW),
    pytest.param("inception_next_tiny", marks=SLOW),
    pytest.param("convnext_tiny", marks=SLOW),
    "vit_small_patch16_224",
    "resnet50",
    pytest.param("inception_transformer_small", marks=SLOW),
]


def outputs(model, variables, x):
    def both(variables, x):
        return model.apply(variables, x), model.apply(variables, x, method="features")

    return jax.tree.map(np.asarray, jax.jit(both)(variables, x))


@pytest.mark.parametrize("arch", ARCHS)
def test_float64(arch):
    recorded = references()
    with jax.enable_x64(True):
        variables = as_float64(from_torch(arch, state_dict(arch)))
        model = create_model(arch, dtype="float64")
        logits, features = outputs(model, variables, images().astype(np.float64))
    assert logits.dtype == np.float64
    found = {"logits": logits, "features": features["prelogits"]}
    if f"{arch}/pooled" in recorded:
        found["pooled"] = features["pooled"]
    for stage in range(4):
        for place, value in ends(features[f"stage{stage + 1}"]).items():
            found[f"stage{stage}_{place}"] = value
    for key, value in found.items():
        wanted = recorded[f"{arch}/{key}"]  # rounded to float32: 6e-8 of the value
        np.testing.assert_allclose(value, wanted, rtol=6e-8, atol=1e-6, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["poolformer_s12", "poolformer_m36"])
def test_published_head_of_poolformer(arch):
    with jax.enable_x64(True):
        variables = as_float64(from_torch(arch, state_dict(arch)))
        model = create_model(arch, dtype="float64", head="published")
        logits, _ = outputs(model, variables, images().astype(np.float64))
    np.testing.assert_allclose(logits, references()[f"{arch}/logits_gn_head"], rtol=0, atol=1e-6)


def test_visformer():
    recorded = references("models_extra.npz")
    with jax.enable_x64(True):
        variables = as_float64(from_torch("visformer_micro_80", state_dict("visformer_micro_80")))
        model = create_model("visformer_micro_80", num_classes=0, dtype="float64")
        _, features = outputs(model, variables, images((2, 80, 80, 3)).astype(np.float64))
    for ours, theirs in (("map", "map"), ("prelogits", "features")):
        wanted = recorded[f"visformer_micro_80/{theirs}"]  # of standard deviation 16
        np.testing.assert_allclose(features[ours], wanted, rtol=1e-7, atol=1e-6)


@pytest.mark.slow
def test_dualformer():
    recorded = references("models_extra.npz")
    with jax.enable_x64(True):
        variables = as_float64(from_torch("dualformer_tiny", state_dict("dualformer_tiny")))
        model = create_model("dualformer_tiny", num_classes=0, dtype="float64")
        video = images((1, 32, 224, 224, 3)).astype(np.float64)
        features, seen = model.apply(
            variables,
            video,
            method="features",
            capture_intermediates=lambda module, _: (module.name or "").startswith("patch_embeds"),
            mutable=["intermediates"],
        )
        features, seen = jax.device_get((features, seen))
    norm = variables["params"]["norm"]
    last = features["stage4"]
    last = (last - last.mean(-1, keepdims=True)) / np.sqrt(last.var(-1, keepdims=True) + 1e-5)
    last = last * norm["scale"] + norm["bias"]
    found = {"features": features["prelogits"], "last_t0": last[:, 0], "last_t15": last[:, 15]}
    for i in range(4):
        (embedded,) = seen["intermediates"][f"patch_embeds_{i}"]["__call__"]
        found |= {f"embed{i}_{place}": value for place, value in ends(embedded).items()}
    for key, value in found.items():
        wanted = recorded[f"dualformer_tiny/{key}"].reshape(value.shape)
        np.testing.assert_allclose(value, wanted, rtol=1e-7, atol=1e-6, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("arch", [getattr(arch, "values", (arch,))[0] for arch in ARCHS])
def test_float32(arch):
    variables = from_torch(arch, state_dict(arch))
    with jax.default_matmul_precision("highest"):
        logits, _ = outputs(create_model(arch), variables, images())
    np.testing.assert_allclose(logits, references()[f"{arch}/logits"], rtol=0, atol=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arch",
    [
        "poolformer_s12",
        "caformer_s18",
        "randformer_s12",
        "inception_next_tiny",
        "convnext_tiny",
        "inception_transformer_small",
    ],
)
def test_gradients(arch):
    """One training step without drops: loss, the norm and the sum of every gradient, buffers."""
    recorded = {
        key.removeprefix(f"{arch}/train/"): value
        for key, value in references().items()
        if key.startswith(f"{arch}/train/")
    }
    with jax.enable_x64(True):  # in float32 ties of max pooling fall otherwise
        variables = as_float64(from_torch(arch, state_dict(arch)))
        model = create_model(arch, dtype="float64", drop_path_rate=0, head_dropout=0)
        loss, gradient, buffers = step(model, variables, images().astype(np.float64))
    assert loss == pytest.approx(recorded["loss"], rel=1e-7)
    gradient = to_torch(model, {"params": gradient})
    assert sorted(gradient) == sorted(recorded["names"])
    largest = recorded["grad_l2"].max()
    for name, l2, total in zip(*(recorded[k] for k in ("names", "grad_l2", "grad_sum"))):
        assert norm(gradient[name]) == pytest.approx(l2, rel=1e-4, abs=1e-6 * largest), name
        assert gradient[name].sum() == pytest.approx(total, rel=1e-4, abs=1e-6 * largest), name
    buffers = to_torch(model, buffers)
    for name, l2 in zip(recorded.get("buffer_names", ()), recorded.get("buffer_l2_after", ())):
        assert norm(buffers[name]) == pytest.approx(l2, rel=1e-5), name


def norm(x):
    return np.linalg.norm(np.asarray(x, np.float64))


def step(model, variables, x):
    params = variables["params"]
    others = {key: value for key, value in variables.items() if key != "params"}

    def loss(params):
        logits, updated = model.apply(
            {"params": params, **others}, x, train=True, mutable=["batch_stats"]
        )
        return -jax.nn.log_softmax(logits)[np.arange(2), np.arange(2)].mean(), updated

    (value, buffers), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    return jax.tree.map(np.asarray, (value, gradient, buffers))
