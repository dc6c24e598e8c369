"""A run's folder is enough to use its network: the data that it was trained on may be gone."""

import contextlib
import types

import cv2
import jax
import numpy as np
import pytest

import effjax
from effjax import cli, create_model, save_weights
from effjax.config import View
from effjax.errors import UserError
from effjax.models import write_architecture
from effjax.report import choose_display
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.runs.record import open_workdir
from effjax.runs.schema import default_config
from effjax.tasks.trained_network import _in_words
from effjax.trained import load
from effjax.trained.load import from_weights, from_workdir
from effjax.trained.network import Preprocessing
from tests import mistakes
from tests.export.networks import make

CLASSES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A finished run on a folder of images that has been moved away since."""
    folder = tmp_path_factory.mktemp("use")
    mistakes.make_world(folder)
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(5):
            image = rng.integers(0, 256, (9, 9, 3), np.uint8)
            cv2.imwrite(str(folder / "photos" / name / f"{number}.png"), image)
    with contextlib.chdir(folder):
        settings = ["--config.data.name=photos", "--config.data.mean=(0.5,0.4,0.3)"]
        settings += ["--config.optim.default.name=sgd"]  # compiled in a third of Adan's time
        cli.main(["train", "--config=configs/quickstart.py", "--quiet", *settings])
        (folder / "photos").rename(folder / "moved")
        yield folder


def test_labels_and_preprocessing_come_with_the_run(world):
    trained = from_workdir(world / "runs/quickstart", choose_display(quiet=True))
    assert trained.labels == CLASSES
    assert trained.preprocessing.size == (8, 8)
    assert trained.preprocessing.mean == (0.5, 0.4, 0.3)
    assert trained.model.num_classes == 3


def test_from_a_run_to_a_weights_file_and_back(world, capsys):
    cli.main(["export", "--workdir=runs/quickstart", "--format=safetensors", "--out=w.safetensors"])
    assert "difference  0 at most" in capsys.readouterr().out
    images = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), np.uint8)
    run = from_workdir(world / "runs/quickstart", choose_display(quiet=True))
    file = from_weights(None, "w.safetensors")
    named = from_weights("identityformer_s24", "w.safetensors")  # fields come from the companion
    expected = run.logits(run.variables, images)
    for other in (file, named):
        assert (other.preprocessing, other.labels) == (run.preprocessing, run.labels)
        np.testing.assert_array_equal(other.logits(other.variables, images), expected)


def test_effjax_load_takes_a_run_a_file_or_a_name(world, monkeypatch):
    image = world / "moved/cat/0.png"
    run = effjax.load("runs/quickstart")
    assert run.weights == "step 4"
    expected = run.predict(image).probabilities
    assert expected.shape == (1, 3)
    file = effjax.load("w.safetensors")
    np.testing.assert_allclose(file.predict(str(image)).probabilities, expected, atol=1e-6)
    assert effjax.load("w.safetensors", labels=["a", "b", "c"]).labels == ("a", "b", "c")
    early = effjax.load("runs/quickstart:2")
    assert early.weights == effjax.load(world / "runs/quickstart", step=2).weights == "step 2"
    assert effjax.load("runs/quickstart:best").weights.endswith("(best)")
    for given, told in (
        ({"labels": ["a"]}, "labels is for weights"),
        ({"model": "vit"}, "model is for weights"),
    ):
        with pytest.raises(UserError, match=told):
            effjax.load("runs/quickstart", **given)
    with pytest.raises(UserError, match="step is for runs"):
        effjax.load("w.safetensors", step=3)
    with pytest.raises(UserError, match="there is no such run or file"):
        effjax.load("none.safetensors")
    with pytest.raises(UserError, match="did you mean 'caformer_s18"):
        effjax.load("caformer_s18.sail_in2k")


def test_which_weights_are_said(world):
    weights = {"params": {"w": np.zeros(1)}}
    state = types.SimpleNamespace(step=4, ema=None, params=weights["params"])
    assert _in_words(weights, state, None) == "step 4"
    slow = {"params": {"w": np.zeros(1)}}
    assert _in_words(slow, state, None) == "what the optimizer evaluates at step 4"
    state.ema = weights
    assert _in_words(weights, state, "best") == "moving average (ema) at step 4 (best)"
    assert _in_words(weights, state, "average:3").startswith("average of the last 3 checkpoints")


def test_a_label_file_must_fit(world):
    (world / "names.txt").write_text("cat\ndog\n")
    with pytest.raises(ValueError, match="names 2 classes, the network has 3"):
        from_weights(None, "w.safetensors", world / "names.txt")
    (world / "names.json").write_text('["Katze", "Hund", "Aal"]')
    found = from_weights(None, "w.safetensors", world / "names.json")
    assert found.labels == ("Katze", "Hund", "Aal")


def test_the_network_that_a_search_found(tmp_path):
    searched = make("identityformer_s12", 32, {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 4)})
    model = searched.model
    config = default_config()
    config.data.update(image_size=(32, 48), mean=(0.5, 0.4, 0.3), eval_crop=0.9)
    open_workdir(tmp_path, View(config), {"labels": list("pqrst")})
    write_architecture("identityformer_s12", model.architecture, tmp_path / FOUND_ARCHITECTURE)
    save_weights(model, searched.variables, tmp_path / FOUND_WEIGHTS)
    found = from_workdir(tmp_path, choose_display(quiet=True))
    assert found.labels == tuple("pqrst")
    assert found.preprocessing == Preprocessing((32, 48), 0.9, mean=(0.5, 0.4, 0.3))
    assert found.model.architecture == model.architecture
    jax.tree.map(np.testing.assert_array_equal, found.variables, searched.variables)
    with pytest.raises(UserError, match=r"--step=4: .* is a search, whose network is that of its"):
        from_workdir(tmp_path, choose_display(quiet=True), 4)


def test_published_weights_know_the_names_of_imagenet(monkeypatch):
    model = create_model("identityformer_s12.sail_in1k", depths=(1, 1, 1, 1), dims=(4, 4, 4, 4))
    monkeypatch.setattr(load, "as_model", lambda name, state: model)
    names = load._described("identityformer_s12.sail_in1k", None, {}).labels
    assert (len(names), names[0]) == (1000, "tench, Tinca tinca")
    assert load._described("identityformer_s12", None, {}).labels == ()


def test_predict_from_the_command_line(world, capsys):
    cli.main(["predict", "--workdir=runs/quickstart", "moved/cat", "--quiet"])
    told = capsys.readouterr().out
    assert told.startswith("5 image(s), by runs/quickstart (step 4)\n")
    assert all(f"moved/cat/{number}.png" in told for number in range(5))
