"""Exported files compute what the network computes, in a fresh process, without effjax."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import jax
import numpy as np
import pytest

from effjax.export import FORMATS
from tests.export.networks import make, needs, quietly

SMALL = {"depths": (1, 1, 1, 1), "dims": (8, 16, 32, 32)}
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
