"""Exported files compute what the network computes, in a fresh process, without effjax."""

import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from effjax import models
from effjax.errors import UserError
from effjax.export import FORMATS, export
from effjax.export.plain import plain
from effjax.report import choose_display
from effjax.trained.network import Preprocessing, Trained

SMALL = {"depths": (1, 1, 1, 1), "dims": (8, 16, 32, 32)}
TWO_STAGES = {
    "depths": (1, 1),
    "dims": (8, 16),
    "mixers": ("separable_conv", "attention"),
    "kernel_sizes": (7, 7),
    "patch_kernels": (7, 3),
    "patch_strides": (4, 2),
    "patch_pads": (2, 1),
    "layer_scale": (None, None),
    "residual_scale": (None, 1.0),
    "remat": (False, False),
}
# one of each family; the input size is the smallest that the family takes without trouble
FAMILIES = {
    "poolformer_s12": (64, SMALL),
    "poolformerv2_s12": (64, SMALL),
    "identityformer_s12": (64, SMALL),
    "randformer_s12": (224, SMALL),
    "convformer_s18": (64, SMALL),
    "caformer_s18": (64, SMALL),
    "inception_next_atto": (64, {}),
    "inception_transformer_small": (224, {}),
    "convnext_atto": (64, {}),
    "vit_tiny_patch16_224": (64, {"depth": 2}),
    "resnet18": (64, {}),
}


def make(name: str, size: int, fields: dict) -> Trained:
    """A network that is drawn, not initialised: biases and scales count, nothing is compiled."""
    model = models.create_model(name, num_classes=5, **fields)
    rng = np.random.default_rng(0)

    def draw(path: tuple, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        drawn = rng.normal(size=leaf.shape).astype(leaf.dtype)
        if len(leaf.shape) > 1:  # the fan-in keeps the size of what passes
            return drawn / np.sqrt(np.prod(leaf.shape[:-1], dtype=np.float32))
        return 0.1 * drawn + (path[-1].key in ("scale", "var"))

    variables = jax.tree_util.tree_map_with_path(
        draw, models.abstract_variables(model, (size, size, 3))
    )
    preprocessing = Preprocessing((size, size), mean=(0.5, 0.4, 0.3))
    return Trained(name, name, model, variables, preprocessing, tuple("abcde"))


@pytest.fixture(scope="module")
def tiny():
    """A block that convolves and a block of attention."""
    return make("caformer_s18", 32, TWO_STAGES)


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """Of a format: the folder of `tiny` in it, and what `export` found."""

    @functools.cache
    def write(kind: str) -> tuple[Path, dict]:
        needs(kind)
        folder = tmp_path_factory.mktemp(kind)
        return folder, quietly(tiny, kind, folder / f"model{FORMATS[kind].ending}")

    return write


def needs(kind: str) -> None:
    if kind == "onnx":
        pytest.importorskip("jax2onnx", reason="the export extra and jax2onnx are not installed")
    if kind != "safetensors":
        pytest.importorskip("flatbuffers", reason="the export extra is not installed")


def quietly(trained: Trained, kind: str, out: Path) -> dict:
    return export(trained, kind, out, choose_display(quiet=True))


def run_alone(script: str, folder: Path) -> str:
    """Runs a script in a process that cannot import effjax."""
    block = "import sys; sys.modules['effjax'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", block + script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_platform_choices_and_custom_gradients_are_laid_open():
    @jax.custom_vjp
    def twice(x):
        return jax.lax.platform_dependent(x, cpu=lambda x: x + x, default=lambda x: 2 * x)

    twice.defvjp(lambda x: (twice(x), None), lambda _, g: (2 * g,))
    number = jax.ShapeDtypeStruct((), jnp.float32)
    function = plain(jax.jit(lambda x: {"y": twice(x) + 1}), number)
    program = str(jax.make_jaxpr(function)(1.0))
    assert not re.search("platform_index|custom_vjp|cond|jit", program)
    assert function(jnp.float32(3.0))["y"] == 7.0


def test_the_largest_of_a_window_is_that_of_shifted_copies():
    def pool(x):
        return nn.max_pool(x, (3, 2), (2, 1), ((1, 1), (0, 0)))

    x = jax.random.normal(jax.random.key(0), (2, 7, 6, 3))
    np.testing.assert_array_equal(plain(pool, x)(x), pool(x))


def test_stablehlo_is_the_network(exported):
    folder, found = exported("stablehlo")
    assert found["difference"] <= 1e-6 * max(1.0, found["largest"])
    assert found["largest"] > 0.01
    card = json.loads((folder / "model.json").read_text())
    assert card["labels"] == list("abcde")
    assert card["preprocessing"]["mean"] == [0.5, 0.4, 0.3]


@pytest.mark.parametrize("kind", ["stablehlo", pytest.param("onnx", marks=pytest.mark.slow)])
def test_the_script_in_the_docs_runs_alone(kind, tiny, exported):
    folder, _ = exported(kind)
    page = (Path(__file__).parents[2] / "docs/export.md").read_text()
    script = next(s for s in re.findall(r"```python\n(.*?)```", page, re.S) if f"model.{kind}" in s)
    assert len(script.strip().splitlines()) <= 14
    pixels = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    cv2.imwrite(str(folder / "cat.png"), pixels[..., ::-1])
    label, share = run_alone(script.replace("cat.jpg", "cat.png"), folder).split()
    expected = np.asarray(jax.nn.softmax(tiny.logits(tiny.variables, pixels[None])))[0]
    assert label == "abcde"[int(expected.argmax())]
    assert abs(float(share) - expected.max()) < 1e-4


def test_a_network_trained_in_bfloat16_is_written_in_float32(tiny, exported, tmp_path):
    _, wide = exported("stablehlo")
    narrow = dataclasses.replace(tiny, model=tiny.model.clone(dtype=jnp.bfloat16))
    found = quietly(narrow, "stablehlo", tmp_path / "narrow.stablehlo")
    assert (found["largest"], found["difference"]) == (wide["largest"], wide["difference"])


def test_a_file_that_computes_something_else_is_refused(tiny, tmp_path, monkeypatch):
    wrong = dataclasses.replace(FORMATS["safetensors"], open=lambda path: lambda x: np.ones(5))
    monkeypatch.setitem(FORMATS, "safetensors", wrong)
    with pytest.raises(ValueError, match="computes something else"):
        quietly(tiny, "safetensors", tmp_path / "tiny.safetensors")


def test_formats_and_endings_are_checked(tiny, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'onnx'"):
        quietly(tiny, "onx", tmp_path / "tiny.onnx")
    with pytest.raises(ValueError, match=r"are called \*\.onnx"):
        quietly(tiny, "onnx", tmp_path / "tiny.stablehlo")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["stablehlo", "onnx"])
@pytest.mark.parametrize("name", FAMILIES)
def test_one_model_of_each_family_is_the_same_in_every_format(name, kind, tmp_path):
    needs(kind)
    trained = make(name, *FAMILIES[name])
    found = quietly(trained, kind, tmp_path / f"model{FORMATS[kind].ending}")
    print(f"| {name} | {kind} | {found['difference']:.1e} | {found['largest']:.2f} |")  # -s
    assert found["largest"] > 0.01
    bound = {"stablehlo": 1e-6, "onnx": 1e-4}[kind]
    if (name, kind) == ("inception_next_atto", "stablehlo"):
        bound = 2e-6  # folding batch norm's constants rounds otherwise; 0 with the weights inside
    assert found["difference"] <= bound * max(1.0, found["largest"])


def test_a_full_disk_leaves_nothing(tiny, tmp_path, monkeypatch):
    def no_room(trained, path):
        path.write_bytes(b"a part of it")
        raise OSError(28, "No space left on device")

    full = dataclasses.replace(FORMATS["safetensors"], write=no_room)
    monkeypatch.setitem(FORMATS, "safetensors", full)
    with pytest.raises(UserError, match="No space left") as caught:
        quietly(tiny, "safetensors", tmp_path / "new/folder/model.safetensors")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
