"""Counts, balance, duplicates, broken files and pixel statistics."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.tools import check as check_module
from effjax.data.tools.check import check, measure


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


def jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=90, **options)
    return file.getvalue()


def test_damage_and_files_that_are_ignored_are_reported(folder):
    path, _ = folder
    data = jpeg(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    half = len(data) // 2
    (path / "train/cat/odd.jpg").write_bytes(data[:half] + bytes(30) + data[half + 30 :])
    (path / "train/cat/lost.jpg").symlink_to("/nowhere/x.jpg")
    (path / "train/cat/notes.txt").write_text("hello")
    report = check(str(path))
    (damaged,) = report.damaged
    assert damaged[0].endswith("cat/odd.jpg")
    assert "orrupt" in damaged[1]
    assert (f"{path}/train/cat/lost.jpg", "No such file or directory") in report.broken
    assert "ignored, no image by its ending (.txt): 1 (train/cat/notes.txt)" in str(report)


def test_a_large_photograph_is_measured_at_a_smaller_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(check_module, "LARGE", 256)
    decoded = []

    def watched(data, **options):
        decoded.append(decode(data, **options))
        return decoded[-1]

    monkeypatch.setattr(check_module, "decode", watched)
    y, x = np.mgrid[:600, :900]
    pixels = np.stack([x // 7 % 256, y // 5 % 256, (x + y) // 9 % 256], -1).astype(np.uint8)
    (tmp_path / "train/cat").mkdir(parents=True)
    (tmp_path / "train/cat/1.jpg").write_bytes(jpeg(pixels))
    report = check(str(tmp_path))
    assert decoded[0].shape == (300, 450, 3)
    assert report.sizes == {(600, 900): 1}
    wanted = pixels.reshape(-1, 3) / 255
    np.testing.assert_allclose(report.mean, wanted.mean(0), atol=2e-3)
    np.testing.assert_allclose(report.std, wanted.std(0), atol=1e-2)


def test_measuring_takes_less_memory_than_the_image():
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 300, 3), dtype=np.uint8)
    tracemalloc.start()
    mean, square = measure(pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < pixels.nbytes
    np.testing.assert_allclose(mean, (pixels / 255).mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(square, ((pixels / 255) ** 2).mean((0, 1)), rtol=1e-12)


def test_names_are_shown_escaped(tmp_path):
    for name in ("a", "\x1b[31mred"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "train" / name / "1.png")
    text = str(check(str(tmp_path)))
    assert r"\x1b[31mred" in text
    assert "\x1b" not in text
