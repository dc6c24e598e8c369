"""A run's folder is enough to use its network: the data that it was trained on may be gone."""

import contextlib

import cv2
import numpy as np
import pytest

from effjax import cli
from effjax.report import choose_display
from effjax.trained.load import from_weights, from_workdir
from tests import mistakes

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


def test_a_label_file_must_fit(world):
    (world / "names.txt").write_text("cat\ndog\n")
    with pytest.raises(ValueError, match="names 2 classes, the network has 3"):
        from_weights(None, "w.safetensors", world / "names.txt")
    (world / "names.json").write_text('["Katze", "Hund", "Aal"]')
    found = from_weights(None, "w.safetensors", world / "names.json")
    assert found.labels == ("Katze", "Hund", "Aal")


def test_predict_from_the_command_line(world, capsys):
    cli.main(["predict", "--workdir=runs/quickstart", "moved/cat", "--quiet"])
    told = capsys.readouterr().out
    assert told.startswith("5 image(s), by runs/quickstart\n")
    assert all(f"moved/cat/{number}.png" in told for number in range(5))
