"""Images from the user's own code."""

import numpy as np
import pytest

from effjax.data import ImageSource
from effjax.data.config import DataConfig
from effjax.data.sources.examples import identity
from effjax.data.sources.open import open_examples
from effjax.errors import UserError


class Stripes(ImageSource):
    """Four grey images of two classes."""

    class_names = ["across", "down"]  # noqa: RUF012

    def __len__(self):
        return 4

    def __getitem__(self, row):
        return np.full((4, 4, 3), 10 * row, np.uint8), row % 2


class Nameless(Stripes):
    class_names = ()


def test_what_a_subclass_does_not_say_is_found_out():
    source = open_examples(DataConfig(name=f"{__name__}:Stripes"), "train")
    assert source.class_names == ("across", "down")
    np.testing.assert_array_equal(source.labels(), [0, 1, 0, 1])
    assert source.name(2) == "example 2 of split 'train' of Stripes"
    described = identity(source)
    assert described["examples"] == 4
    assert described["classes"] == ["across", "down"]


def test_classes_have_names():
    with pytest.raises(UserError, match="Nameless sets no class_names"):
        open_examples(DataConfig(name=f"{__name__}:Nameless"), "train")


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos:holiday").mkdir()
    with pytest.raises(UserError, match="no images in photos:holiday"):
        open_examples(DataConfig(name="photos:holiday"), "train")
