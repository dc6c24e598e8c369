"""Pictures of what answers rest on."""

import cv2
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.evaluate import explained
from effjax.evaluate.explained import explain_files, overlay, picture_name
from effjax.report import choose_display
from effjax.trained.network import Preprocessing, Trained


@pytest.fixture
def network(monkeypatch):
    """One whose heat is the left half of every image."""

    def explain(variables, images):
        heat = np.zeros(images.shape[:3], np.float32)
        heat[:, :, :4] = 1
        return np.tile([[0.75, 0.25]], (len(images), 1)), heat

    monkeypatch.setattr(explained, "explained", lambda trained, kind: explain)
    return Trained("net", "net", None, {}, Preprocessing((8, 8)), ("cat", "dog"))


def test_each_image_gets_a_picture(network, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((9, 9, 3), 100, np.uint8))
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    paths = [str(tmp_path / "a.png"), str(tmp_path / "b.jpg")]
    explain_files(network, paths, "gradcam", tmp_path / "out", choose_display())
    (picture,) = (tmp_path / "out").iterdir()
    assert picture.name.endswith("_a.png.gradcam.png")
    assert cv2.imread(str(picture)).shape[1] > 100
    told = capsys.readouterr().out
    assert "gradcam, by net" in told
    assert "75.0%" in told
    assert "cannot be read" in told
    with pytest.raises(UserError, match=r"none of the 1 file\(s\)"):
        explain_files(network, paths[1:], "gradcam", tmp_path / "out", choose_display(quiet=True))


def test_the_heat_colours_what_matters():
    pixels = np.full((8, 8, 3), 100, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[:, :4] = 1
    found = overlay(pixels, heat)
    assert (found[:, 4:] == 100).all()
    assert found[0, 0, 0] > found[0, 0, 2]  # yellow, of inferno's end


def test_two_folders_may_hold_images_of_one_name():
    assert picture_name("a/x.jpg", "gradcam") != picture_name("b/x.jpg", "gradcam")
    assert picture_name("/a/x.jpg", "gradient") == "a_x.jpg.gradient.png"
