"""`effjax predict`: every kind of path, broken files, table, JSON lines, contact sheet."""

import json

import cv2
import jax
import numpy as np
import pytest

from effjax import cli, models
from effjax.evaluate.predict import (
    SHEET,
    THUMBNAIL,
    Answers,
    predict_files,
    sheet_caption,
    sheet_rows,
    thumbnail,
    write_features,
)
from effjax.report import choose_display
from effjax.report.sheet import LETTERS
from effjax.trained.network import Preprocessing, Trained
from effjax.trained.predictions import Prediction
from tests.photographs import make_photographs

FIELDS = {
    "depths": (1, 1, 1, 1),
    "dims": (4, 4, 4, 4),
    "patch_kernels": (1, 1, 1, 1),
    "patch_strides": (1, 1, 1, 1),
    "patch_pads": (0, 0, 0, 0),
}
LABELS = ("dark", "bright", "other")


@pytest.fixture(scope="module")
def trained():
    model = models.create_model("identityformer_s12", num_classes=3, **FIELDS)
    rng, shapes = np.random.default_rng(0), models.abstract_variables(model, (8, 8, 3))
    draw = lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype)  # noqa: E731
    variables = jax.tree.map(draw, shapes)
    return Trained("tiny", "identityformer_s12", model, variables, Preprocessing((8, 8)), LABELS)


@pytest.fixture
def photos(tmp_path):
    return make_photographs(tmp_path / "photos")


def test_predictions_are_those_of_the_network_in_any_batch_size(trained, photos, capsys):
    several = predict_files(trained, [str(photos)], choose_display(), batch_size=32)
    ones = predict_files(trained, [str(photos)], choose_display(), batch_size=1)
    assert [p.error is None for p in several] == [True, True, False, True, True]
    pixels = cv2.imread(str(photos / "a.png"))[..., ::-1]
    image = trained.preprocessing.transform()(pixels)[None]
    expected = np.asarray(jax.nn.softmax(trained.logits(trained.variables, image)))[0]
    for found in (several, ones):
        labels, shares = zip(*found[0].classes)
        assert labels == tuple(LABELS[k] for k in np.argsort(-expected))
        np.testing.assert_allclose(shares, np.sort(expected)[::-1], atol=1e-6)
    told = capsys.readouterr().out
    assert "5 image(s), by tiny" in told
    assert "cannot be read" in told


def test_json_lines_and_a_contact_sheet(trained, photos, tmp_path):
    lines, sheet = [], tmp_path / "sheet.png"
    display = choose_display(quiet=True)
    wanted = Answers(top=2, json_lines=lines.append, output=tmp_path / "p.csv", sheet=sheet)
    predict_files(trained, [str(photos)], display, wanted)
    rows = [json.loads(line) for line in lines]
    assert "error" in rows[2]
    assert [len(row["classes"]) for row in rows if "classes" in row] == [2, 2, 2, 2]
    assert cv2.imread(str(sheet)).shape[2] == 3
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 5


def test_mistakes_are_said_before_anything_is_loaded(photos, capsys):
    for typed, told in (
        (["predict", str(photos)], "which network?"),
        (["predict", "--workdir=runs/none", str(photos)], "is not a run's folder"),
        (["predict", f"--workdir={photos}", "nowhere.jpg"], "nowhere.jpg: there is no such file"),
        (["predict", "--model=caformer", "--weights=f.safetensors", str(photos)], "no weights at"),
        (["predict", "--workdir=w", "--model=vit", str(photos)], "not both"),
    ):
        with pytest.raises(SystemExit) as exit_:
            cli.main(typed)
        assert exit_.value.code == 1
        assert told in capsys.readouterr().err


def test_nothing_readable_is_a_mistake(trained, photos):
    with pytest.raises(ValueError, match=r"none of the 1 file\(s\) can be read"):
        predict_files(trained, [str(photos / "broken.jpg")], choose_display(quiet=True))


def test_an_output_that_is_not_finite_is_no_class(trained, photos):
    broken = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), trained.variables)
    network = Trained("nan", trained.base, trained.model, broken, trained.preprocessing, LABELS)
    lines = []
    with pytest.raises(ValueError, match="not finite for any of 1"):
        predict_files(
            network,
            [str(photos / "a.png")],
            choose_display(quiet=True),
            Answers(json_lines=lines.append),
        )
    assert json.loads(lines[0])["error"] == "the network's output is not finite"


def test_features_are_written_with_their_files(trained, photos, tmp_path, capsys):
    out = tmp_path / "features.npz"
    write_features(trained, [str(photos)], out, choose_display(), "pooled")
    found = np.load(out)
    assert found["features"].shape == (4, 4)  # the broken one is left out
    names = [name.rpartition("/")[2] for name in found["files"]]
    assert names == ["a.png", "b.jpg", "c.JPEG", "d.png"]
    assert str(found["layer"]) == "pooled"
    expected = trained.features(str(photos / "a.png"), layer="pooled")
    np.testing.assert_allclose(found["features"][:1], expected, rtol=1e-5)
    told = capsys.readouterr().out
    assert "1 of 5 cannot be read" in told
    assert "pooled of tiny, float32 [4, 4]" in told
    with pytest.raises(ValueError, match=r"has no layer 'stage9'; did you mean 'stage"):
        write_features(trained, [str(photos)], out, choose_display(), "stage9")
    with pytest.raises(ValueError, match=r"features are written as \.npz"):
        write_features(trained, [str(photos)], tmp_path / "f.csv", choose_display())


def test_a_long_sheet_is_drawn_from_all():
    assert sheet_rows(5) == frozenset(range(5))
    rows = sheet_rows(2000)
    assert len(rows) == SHEET
    assert max(rows) > 1900
    assert rows == sheet_rows(2000)


def test_the_sheet_shows_the_photograph_and_the_number_stays():
    assert thumbnail(np.zeros((1000, 500, 3), np.uint8)).shape == (THUMBNAIL, THUMBNAIL // 2, 3)
    assert thumbnail(np.zeros((8, 8, 3), np.uint8)).shape == (8, 8, 3)
    name = "a name of a class that is longer than a picture"
    caption = sheet_caption(Prediction("a/IMG_1.jpg", ((name, 0.734),)))
    first, second = caption.split("\n")
    assert first == "IMG_1.jpg"
    assert second.endswith(" 73%")
    assert len(second) <= LETTERS
