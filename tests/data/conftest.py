"""Data that several tests of this folder read."""

import io

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory):
    """A folder in which the digits are prepared."""
    from effjax.data.sources.catalog import prepared_directory

    directory = tmp_path_factory.mktemp("tfds")
    prepared_directory("digits", str(directory))
    return str(directory)


@pytest.fixture
def quiet():
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()


@pytest.fixture
def photo_folder(tmp_path, quiet):
    """Two splits of two classes of three one-coloured photographs."""
    for split in ("train", "val"):
        for number, name in enumerate(("cat", "dog")):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(3):
                file = io.BytesIO()
                value = 100 * number + 10 * i + (split == "val")
                Image.new("RGB", (40, 30), (value, 100, 50)).save(file, format="JPEG")
                path = tmp_path / "photos" / split / name / f"{i}.jpg"
                path.write_bytes(file.getvalue())
    return tmp_path / "photos"
