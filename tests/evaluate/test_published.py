"""Weights evaluated without a run, on a folder laid out as ImageNet's."""

import cv2
import jax
import numpy as np
import pytest

from effjax import cli, models
from effjax.data.class_names import imagenet_synsets
from effjax.errors import UserError

SMALL = "depths=(1,1,1,1)", "dims=(16,32,32,32)"


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """1000 class folders with an image each, and one more of class 300."""
    root = tmp_path_factory.mktemp("imagenet")
    for label in range(1000):
        folder = root / "val" / f"n{label:08d}"
        folder.mkdir(parents=True)
        for name in ("one", "two")[: 1 + (label == 300)]:
            cv2.imwrite(str(folder / f"{name}.png"), np.full((10, 12, 3), label // 5, np.uint8))
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network that says class 300, whatever it sees."""
    model = models.create_model("caformer_s18", depths=1, dims=(16, 32, 32, 32))
    shapes = models.abstract_variables(model)
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    variables["params"]["head"]["fc"]["fc2"]["bias"][300] = 5.0
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    models.save_weights(model, variables, path)
    return path


def evaluate(imagenet, weights, *more):
    config = "--config=configs/imagenet/evaluate.py:caformer_s18.sail_in1k"
    fields = [f"--config.model.{field}" for field in SMALL]
    small = [
        "--config.data.image_size=32",
        "--config.data.batch_size=64",
        "--config.parallel.devices=1",
    ]
    where = [f"--config.data.name={imagenet}", f"--config.init_from={weights}"]
    cli.main(["evaluate", config, *fields, *small, *where, *more])


def test_measured_beside_published(imagenet, weights, capsys):
    evaluate(imagenet, weights)
    said = " ".join(capsys.readouterr().out.split())
    assert "top-1, measured 0.20 %" in said
    assert "top-1, published 83.60 %" in said
    assert "1,001 of 1000 classes" in said


def test_a_folder_of_other_classes_is_refused(tmp_path, weights, capsys):
    for label in "ab":
        (tmp_path / "val" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "val" / label / "x.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(SystemExit):
        evaluate(tmp_path, weights)
    assert "has classes that the network does not know: a, b" in capsys.readouterr().err


def test_classes_are_matched_by_name(tmp_path, weights, capsys):
    synsets = imagenet_synsets()
    for name in (synsets[300], synsets[7], "elder"):
        (tmp_path / "val" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "val" / name / "x.png"), np.zeros((9, 9, 3), np.uint8))
    evaluate(tmp_path, weights, "--ignore-unknown")
    said = " ".join(capsys.readouterr().out.split())
    assert "top-1, measured 50.00 %" in said
    assert "images 2 of 1000 classes" in said


def test_it_wants_a_run_or_a_config(capsys):
    for typed, told in (
        ([], "--workdir=D, or --config=F"),
        (["--workdir=a", "--config=b"], "both"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["evaluate", *typed])
        assert told in capsys.readouterr().err


def test_unknown_weights_are_named():
    from effjax.config import load
    from effjax.runs.schema import RunConfig

    with pytest.raises(UserError, match="no published weights"):
        load("configs/imagenet/evaluate.py:caformer_s18.sail", [], RunConfig)
