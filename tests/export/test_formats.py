"""Exported files compute what the network computes, in a fresh process, without effjax."""

import contextlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.export import FORMATS
from effjax.trained.card import describe_preprocessing
from effjax.trained.network import Preprocessing
from tests.export.networks import make, needs, quietly

PAGE = Path(__file__).parents[2] / "docs/export.md"
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


def photographs(folder: Path) -> list[Path]:
    """Files of odd sizes, turned, grey and transparent ones among them."""
    rng = np.random.default_rng(2)
    turned = Image.Exif()
    turned[0x112] = 6
    kinds = {
        "wide.jpg": ((45, 133, 3), {"quality": 95}),
        "high.jpg": ((150, 61, 3), {"progressive": True}),
        "turned.jpg": ((70, 99, 3), {"exif": turned}),
        "small.png": ((20, 17, 3), {}),
        "grey.jpg": ((64, 90), {}),
        "transparent.png": ((50, 40, 4), {}),
    }
    for name, (shape, options) in kinds.items():
        # large patches of one colour: noise would be the same grey whatever the crop
        pixels = rng.integers(0, 256, (5, 5, *shape[2:]), np.uint8)
        height, width = shape[:2]
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
        picture.save(folder / name, **options)
    return [folder / name for name in kinds]


def programs() -> dict[str, str]:
    """The Python programs of docs/export.md."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    words = {"prepare": "def prepare", "stablehlo": "model.stablehlo", "onnx": "model.onnx"}
    found = {}
    for name, word in words.items():
        (found[name],) = (block for block in blocks if word in block)
    return found


def assert_prepared_alike(files: list[Path], preprocessing: Preprocessing, folder: Path) -> None:
    """The function `prepare` of the docs gives the pixels that `effjax predict` sees."""
    card = {"preprocessing": describe_preprocessing(preprocessing)}
    (folder / "model.json").write_text(json.dumps(card))
    names: dict = {}
    with contextlib.chdir(folder):
        exec(compile(programs()["prepare"], "prepare.py", "exec"), names)
    for file in files:
        expected = preprocessing.transform()(decode(file.read_bytes()))
        np.testing.assert_array_equal(names["prepare"](file), expected, err_msg=file.name)


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing((32, 32)),
        Preprocessing((24, 40), 0.875, "bilinear"),
        Preprocessing((100, 64), 0.95),
    ],
)
def test_the_docs_prepare_a_photograph_as_predict_does(preprocessing, tmp_path):
    assert_prepared_alike(photographs(tmp_path), preprocessing, tmp_path)


def test_the_docs_prepare_native_photographs_as_predict_does(tmp_path):
    archive = PAGE.parents[1] / "../shared/data/photos_native/photos_native.zip"
    if not archive.exists():
        pytest.skip("needs ../shared/data")
    zipfile.ZipFile(archive).extractall(tmp_path)
    files = sorted(tmp_path.rglob("*.JPEG"))
    assert len(files) == 63
    # every seventh: they are alike enough
    assert_prepared_alike(files[::7], Preprocessing((224, 224), 0.9), tmp_path)


@pytest.mark.parametrize("kind", ["stablehlo", pytest.param("onnx", marks=pytest.mark.slow)])
def test_the_programs_in_the_docs_say_what_predict_says(kind, tiny, exported):
    folder, _ = exported(kind)
    script = programs()[kind]
    assert len(script.strip().splitlines()) <= 10
    (folder / "prepare.py").write_text(programs()["prepare"])
    file = next(path for path in photographs(folder) if path.name == "turned.jpg")
    said = run_alone(script.replace("cat.jpg", file.name), folder)
    label, share = said.split()
    expected = tiny.predict(str(file))
    assert [label] == expected.labels
    assert abs(float(share) - expected.probabilities.max()) < 1e-4


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
