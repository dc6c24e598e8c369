import types

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.sample import judge as judging
from effjax.sample.judge import Real, class_means, judge, judge_features, memorised, project

RNG = np.random.default_rng(0)


def images(count, labels):
    """A class is a brightness."""
    noise = RNG.integers(0, 20, (count, 4, 4, 3))
    return (noise + 60 * labels[:, None, None, None]).astype(np.uint8)


LABELS = np.arange(60) % 3
REAL = Real(images(60, LABELS), LABELS, images(30, LABELS[:30]), LABELS[:30])


class Brightness:
    """Eyes that see means and classes by brightness."""

    trained = types.SimpleNamespace(base="brightness", labels=("a", "b", "c"), gives="class")

    def __call__(self, x):
        means = x.reshape(len(x), 4, -1).astype(float).mean(-1)
        return means, (means.mean(-1) / 60).astype(int)


def test_anchors_make_the_numbers_readable():
    labels = LABELS[:30]
    rows = dict(judge(Brightness(), images(30, labels), labels, REAL))
    assert rows["accuracy of the classifier on samples"] == 1
    assert rows["frechet_brightness"] < rows["  ceiling: noise"]
    assert {"kernel_brightness", "precision", "recall", "density", "coverage"} <= rows.keys()
    assert any(name.startswith("  floor: 30 training images") for name in rows)
    assert not any("fid" in name.lower() for name in rows)


def test_a_network_of_numbers_has_features_and_no_classes():
    eyes = Brightness()
    eyes.trained = types.SimpleNamespace(**{**vars(Brightness.trained), "gives": "numbers"})
    labels = LABELS[:30]
    rows = dict(judge(eyes, images(30, labels), labels, REAL))
    assert "frechet_brightness" in rows
    assert not any("accuracy" in name for name in rows)


def test_copies_of_training_images_are_nearer_than_held_out_ones():
    rows = dict(memorised(REAL.train[:5], REAL))
    assert rows["nearest training image: median distance of samples"] < 1e-3
    assert rows["  of validation images"] > 1


def test_class_means():
    means = class_means(REAL, 3)
    assert means.shape == (3, 4, 4, 3)
    assert means[2].mean() > means[1].mean() > means[0].mean()


def test_many_features_are_projected():
    assert project(RNG.standard_normal((5, 100))).shape == (5, judging.DIMENSIONS)
    assert project(np.ones((5, 3))).shape == (5, 3)


def test_features_of_the_user(tmp_path):
    real = RNG.standard_normal((200, 4))
    np.savez(tmp_path / "f.npz", samples=real + np.asarray([[3.0, 0, 0, 0]]), real=real)
    rows = dict(judge_features(tmp_path / "f.npz"))
    assert rows["frechet (FID if the features are Inception's)"] == pytest.approx(9)
    np.savez(tmp_path / "g.npz", samples=real, mu=real.mean(0), sigma=np.cov(real, rowvar=False))
    assert list(dict(judge_features(tmp_path / "g.npz")).values()) == pytest.approx([0], abs=1e-9)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        judge_features(tmp_path / "none.npz")
    np.savez(tmp_path / "f.npz", samples=np.ones((3, 2)))
    with pytest.raises(UserError, match="expected samples"):
        judge_features(tmp_path / "f.npz")
