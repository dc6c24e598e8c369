"""Counts, balance, duplicates, broken files and pixel statistics."""

import io

import numpy as np
import pytest
from PIL import Image

from effjax.data.tools.check import check


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    files = {"train/cat/1.png": (6, 8), "train/cat/2.png": (4, 4), "train/dog/1.png": (5, 5)}
    files["val/dog/9.png"] = (3, 3)
    pixels = {}
    for name, size in files.items():
        pixels[name] = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        Image.fromarray(pixels[name]).save(file, format="PNG")
        path.write_bytes(file.getvalue())
    (tmp_path / "val/dog/copy.png").write_bytes((tmp_path / "train/dog/1.png").read_bytes())
    (tmp_path / "train/cat/3.png").write_bytes(b"")
    return tmp_path, pixels


def test_report(folder):
    path, pixels = folder
    report = check(str(path))
    assert report.counts == {"train": {"cat": 3, "dog": 1}, "validation": {"cat": 0, "dog": 2}}
    assert report.broken == [(f"{path}/train/cat/3.png", "the file is empty")]
    assert report.duplicates == [(f"{path}/train/dog/1.png", f"{path}/val/dog/copy.png")]
    assert report.sizes == {(6, 8): 1, (4, 4): 1, (5, 5): 2, (3, 3): 1}
    train = [image.reshape(-1, 3) / 255 for name, image in pixels.items() if "train" in name]
    np.testing.assert_allclose(report.mean, np.concatenate(train).mean(0), rtol=1e-12)
    np.testing.assert_allclose(report.std, np.concatenate(train).std(0), rtol=1e-12)


def test_text(folder):
    text = str(check(str(folder[0])))
    assert "train: 4 images, 2 classes of 1 (dog) to 3 (cat)" in text
    assert "cannot be decoded: 1\n" in text
    assert "train/cat/3.png: the file is empty" in text
    assert "same bytes: 1 groups" in text
    assert "size: 3x3 to 6x8" in text
