"""Captions, and that a file with the right pixels is written."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.tools.picture import caption, save_picture

NAMES = ("cat", "dog", "emu", "fox")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ((0, 1, 0, 0), "dog"),
        ((0.7, 0.3, 0, 0), "cat 0.70, dog 0.30"),
        ((0.01, 0.48, 0.51, 0), "emu 0.51, dog 0.48"),
        ((0.925, 0.025, 0.025, 0.025), "cat 0.93, dog 0.03, emu 0.03"),
    ],
)
def test_captions(label, text):
    assert caption(np.array(label), NAMES) == text


def test_odd_names_are_drawn_as_they_are(tmp_path):
    names = ("a$b^$", "\x1b[31mred\n")
    assert caption(np.array([0.0, 1.0]), names) == r"\x1b[31mred\n"
    images = np.zeros((2, 4, 4, 3))
    save_picture(tmp_path / "x.png", images, np.eye(2), names, (0.5,) * 3, (0.2,) * 3)
    assert (tmp_path / "x.png").stat().st_size > 0


def test_picture_shows_the_pixels_without_normalisation(tmp_path):
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.2)
    colours = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    images = np.broadcast_to(((colours - mean) / std)[:, None, None], (3, 8, 8, 3))
    save_picture(tmp_path / "batch.png", images, np.eye(4)[:3], NAMES, mean, std, columns=2)
    pixels = np.asarray(Image.open(tmp_path / "batch.png").convert("RGB")).reshape(-1, 3)
    shares = [(pixels == 255 * colour).all(1).mean() for colour in colours]
    assert min(shares) > 0.1
    assert max(shares) - min(shares) < 0.01
