"""What `data.name` stands for."""

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig, open_split
from effjax.data.sources.arrays import Arrays
from effjax.data.sources.class_folders import ImageFiles
from effjax.data.sources.open import open_examples, whole_if_undivided
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


def test_a_set_without_splits_is_a_whole(tmp_path):
    for folder in ("flat/cat", "flat/dog", "parted/val/cat", "parted/val/dog"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / folder / "1.png")
    np.savez(tmp_path / "set.npz", x=np.zeros((10, 4, 4), np.uint8), y=np.zeros(10, int))
    expected = {"flat": "all", "set.npz": "all", "parted": "validation"}
    for name, split in expected.items():
        config = DataConfig(name=str(tmp_path / name))
        assert whole_if_undivided(config, "validation") == split
    assert whole_if_undivided(DataConfig(name="synthetic"), "validation") == "validation"


@pytest.mark.parametrize("name", ["missing.zip", "missing.npz"])
def test_missing_files_are_named(name):
    with pytest.raises(UserError, match=f"{name}: there is no such file"):
        open_examples(DataConfig(name=name), "train")
