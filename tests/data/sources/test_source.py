"""What `data.name` stands for."""

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig, open_split
from effjax.data.sources.arrays import Arrays
from effjax.data.sources.class_folders import ImageFiles
from effjax.data.sources.open import open_examples
from effjax.data.sources.synthetic import Synthetic
from effjax.errors import UserError


def test_names_and_paths(tmp_path):
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    for i in range(10):
        Image.new("RGB", (9, 9), (i, i, i)).save(tmp_path / "photos" / "cat" / f"{i}.png")
    np.savez(tmp_path / "set.npz", x=np.zeros((10, 4, 4), np.uint8), y=np.zeros(10, int))
    kinds = {"synthetic": Synthetic, "photos": ImageFiles, "set.npz": Arrays}
    for name, kind in kinds.items():
        where = name if name == "synthetic" else str(tmp_path / name)
        config = DataConfig(name=where, image_size=8)
        assert isinstance(open_examples(config, "train"), kind)
        split = open_split(config, "validation", seed=0, batch_size=2, train=False)
        with split.batches() as batches:
            assert next(batches)["image"].shape == (2, 8, 8, 3)


@pytest.mark.parametrize("name", ["missing.zip", "missing.npz"])
def test_missing_files_are_named(name):
    with pytest.raises(UserError, match=f"{name}: there is no such file"):
        open_examples(DataConfig(name=name), "train")


def test_synthetic_images_are_fixed_differ_and_follow_their_class():
    train, again = (Synthetic((8, 12), 3, 30, "train") for _ in range(2))
    validation = Synthetic((8, 12), 3, 30, "validation")
    pixels = np.stack([train[i][0] for i in range(30)])
    np.testing.assert_array_equal(pixels, np.stack([again[i][0] for i in range(30)]))
    assert pixels.shape == (30, 8, 12, 3)
    assert len(np.unique(pixels.reshape(30, -1), axis=0)) == 30
    # the nearest class mean of the training images labels the others
    means = np.stack([pixels[k::3].mean(0) for k in range(3)])
    for i in range(30):
        image, label = validation[i]
        assert abs(image - means).mean((1, 2, 3)).argmin() == label == i % 3
