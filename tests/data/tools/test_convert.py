"""What is stored of an image, and conversions that are interrupted."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.sources.open import open_splits
from effjax.data.tools import convert
from effjax.data.tools.convert import stored_examples
from effjax.errors import UserError


def save(folder, name, value):
    path = folder / "train" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (value, 100, 50)).save(path)


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("cat", "dog")):
        for i in range(3):
            save(tmp_path / "photos", f"{name}/{i}.jpg", 100 * number + 10 * i)
    (tmp_path / "photos/train/cat/1.jpg").write_bytes(b"broken")
    return tmp_path / "photos"


def listed(found):
    return [(row, example["image"].getvalue(), example["label"]) for row, example in found]


@pytest.fixture
def converted(monkeypatch):
    """The bytes that are converted, in any order; None among `stop` interrupts."""
    seen, stop = [], []

    def watched(data, short_side, convert_one=convert.stored_bytes):
        if data in stop:
            raise KeyboardInterrupt
        seen.append(data)
        return convert_one(data, short_side)

    monkeypatch.setattr(convert, "stored_bytes", watched)
    return seen, stop


def interrupt(source, journal, converted):
    """Converts rows 0 to 3 and is interrupted in row 4."""
    seen, stop = converted
    stop.append(source[4][0])
    with pytest.raises(KeyboardInterrupt):
        list(stored_examples(source, 15, True, journal))
    stop.clear()
    seen.clear()


@pytest.mark.parametrize(("damage", "again"), [(None, 4), ("cut", 3), ("flipped", 3), ("other", 0)])
def test_an_interrupted_conversion_goes_on(folder, tmp_path, converted, damage, again):
    source = open_splits(str(folder))["train"]
    wanted = listed(stored_examples(source, 15, skip_broken=True))
    assert [row for row, *_ in wanted] == [0, 2, 3, 4, 5]
    journal = tmp_path / "journal" / "train"
    interrupt(source, journal, converted)
    data = journal.read_bytes()
    if damage == "cut":
        journal.write_bytes(data[:-5])
    elif damage == "flipped":
        journal.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    elif damage == "other":  # other settings: nothing of it can be used
        journal.write_bytes(data.replace(b'"short_side": 15', b'"short_side": 16'))
    seen, _ = converted
    assert listed(stored_examples(source, 15, True, journal)) == wanted
    assert sorted(seen) == sorted(source[row][0] for row in range(again, 6))
    seen.clear()
    assert listed(stored_examples(source, 15, True, journal)) == wanted
    assert seen == []


def test_images_that_have_changed_are_converted_again(folder, tmp_path, converted):
    source = open_splits(str(folder))["train"]
    journal = tmp_path / "journal" / "train"
    interrupt(source, journal, converted)
    save(folder, "cat/1.jpg", 200)
    seen, _ = converted
    found = listed(stored_examples(source, 15, True, journal))
    assert [row for row, *_ in found] == list(range(6))
    assert sorted(seen) == sorted(source[row][0] for row in range(1, 6))


def test_a_broken_image_is_named(folder, tmp_path):
    (folder / "train/dog/lost.jpg").symlink_to("/nowhere/x.jpg")
    source = open_splits(str(folder))["train"]
    with pytest.raises(UserError, match=r"cat/1\.jpg cannot be decoded: cannot identify image"):
        list(stored_examples(source, 15))
    (folder / "train/cat/1.jpg").unlink()
    with pytest.raises(UserError, match=r"dog/lost\.jpg cannot be read: No such file"):
        list(stored_examples(open_splits(str(folder))["train"]))


def test_arrays_are_stored_without_loss():
    from effjax.data.images.decode import decode

    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode(convert.stored_bytes(pixels, None)), pixels)
