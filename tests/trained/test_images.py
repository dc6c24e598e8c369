"""Images in every form that a user has them in."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.trained.images import as_images, find_images
from tests.photographs import make_photographs

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
COLOUR = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


@pytest.fixture
def photos(tmp_path):
    return make_photographs(tmp_path / "photos")


def test_images_are_found_in_files_folders_and_archives(photos, tmp_path):
    names = ["a.png", "b.jpg", "broken.jpg", "c.JPEG", "more/d.png"]
    assert [i.name for i in find_images([str(photos)])] == [f"{photos}/{n}" for n in names]
    assert find_images([f"{photos}/"])[0].name == f"{photos}/a.png"  # as a shell completes it
    named = find_images([str(photos / "odd.image"), str(photos / "a.png")])
    assert [i.name for i in named] == [f"{photos}/odd.image", f"{photos}/a.png"]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in ("x/a.png", "__MACOSX/x/a.png", "x/._a.png"):
            archive.write(photos / "a.png", name)
    (found,) = find_images([str(tmp_path / "photos.zip")])
    assert found.name.endswith("photos.zip/x/a.png")
    np.testing.assert_array_equal(found.pixels(), find_images([str(photos / "a.png")])[0].pixels())


def test_arrays_are_images():
    for given in (COLOUR, COLOUR[None], [COLOUR], (COLOUR,)):
        (image,) = as_images(given)
        np.testing.assert_array_equal(image.pixels(), COLOUR)
    (image,) = as_images(GREY)
    assert image.pixels().shape == (3, 4, 3)
    assert [image.name for image in as_images([COLOUR, GREY])] == ["image 0", "image 1"]
    np.testing.assert_array_equal(as_images([COLOUR, GREY])[0].pixels(), COLOUR)


def test_pillow_and_paths_among_arrays(photos):
    from PIL import Image

    first, second, *_ = as_images([Image.fromarray(COLOUR), photos / "a.png", str(photos)])
    np.testing.assert_array_equal(first.pixels(), COLOUR)
    assert second.name == f"{photos}/a.png"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (COLOUR / 255, r"an image is float64 \[3, 4, 3\]; expected uint8 \[H, W, 3\]"),
        (COLOUR[..., :2], r"uint8 \[3, 4, 2\]"),
        ([], "no images were given"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no images were given"),
        ("nowhere.jpg", "nowhere.jpg: there is no such file"),
        (3, r"an image is int64 \[\]"),
    ],
)
def test_what_is_no_image_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        as_images(given)


def test_images_of_a_folder_are_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / f"IMG_{number}.jpg").touch()
    names = [Path(image.name).name for image in find_images([str(tmp_path)])]
    assert names == ["IMG_1.jpg", "IMG_2.jpg", "IMG_10.jpg"]
