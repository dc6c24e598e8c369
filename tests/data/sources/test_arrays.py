"""Arrays in .npz and idx files."""

import gzip
import pickle
import struct

import numpy as np
import pytest

from effjax.data.sources.arrays import Arrays
from effjax.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4), dtype=np.uint8)
LABELS = np.arange(30) % 3


def read(source):
    pixels, labels = zip(*(source[row] for row in range(len(source))))
    return np.stack(pixels), np.array(labels)


@pytest.mark.parametrize(("x", "y"), [("x_{}", "y_{}"), ("{}_images", "{}_labels")])
def test_npz_with_splits(x, y, tmp_path):
    path = str(tmp_path / "set.npz")
    arrays = {"train": slice(0, 20), "val": slice(20, 30)}
    named = {x.format(s): IMAGES[rows] for s, rows in arrays.items()}
    np.savez(path, **named, **{y.format(s): LABELS[rows][:, None] for s, rows in arrays.items()})
    source = Arrays(path, "validation", 0.1, 0)
    assert source.class_names == ("0", "1", "2")
    for same in (source, pickle.loads(pickle.dumps(source))):
        pixels, labels = read(same)
        np.testing.assert_array_equal(pixels, np.repeat(IMAGES[20:, ..., None], 3, axis=3))
        np.testing.assert_array_equal(labels, LABELS[20:])


def test_undivided_npz(tmp_path):
    path = str(tmp_path / "set.npz")
    np.savez(path, images=np.repeat(IMAGES[..., None], 3, axis=3), labels=LABELS)
    parts = [read(Arrays(path, split, 0.2, 0)) for split in ("train", "validation")]
    assert [len(labels) for _, labels in parts] == [24, 6]
    assert np.bincount(parts[1][1]).tolist() == [2, 2, 2]
    joined = {p.tobytes() for pixels, _ in parts for p in pixels}
    assert len(joined) == 30


@pytest.mark.parametrize("packed", [True, False])
def test_idx(packed, tmp_path):
    for name, rows in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        for kind, array in (("images-idx3", IMAGES[rows]), ("labels-idx1", LABELS[rows])):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
            data = head + array.astype(np.uint8).tobytes()
            path = tmp_path / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)
    for split, rows in (("train", slice(0, 20)), ("test", slice(20, 30))):
        pixels, labels = read(Arrays(str(tmp_path), split, 0.1, 0))
        np.testing.assert_array_equal(pixels[..., 2], IMAGES[rows])
        np.testing.assert_array_equal(labels, LABELS[rows])


def test_mistakes_are_named(tmp_path):
    path = str(tmp_path / "set.npz")
    np.savez(path, data=IMAGES)
    with pytest.raises(UserError, match="x_train and y_train"):
        Arrays(path, "train", 0.1, 0)
    np.savez(path, images=IMAGES / 255, labels=LABELS)
    with pytest.raises(UserError, match="float64"):
        Arrays(path, "train", 0.1, 0)
    np.savez(path, images=IMAGES, labels=LABELS[:9])
    with pytest.raises(UserError, match="30 images, but 9 labels"):
        Arrays(path, "train", 0.1, 0)


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        (LABELS[:20], np.where(LABELS[20:] == 2, 9, 0), r"\(val\): label 9 in row"),
        (LABELS[:20] + 1, LABELS[20:] + 1, "labels start at 0: subtract 1"),
        (LABELS[:20] + 0.5, LABELS[20:], r"\(train\): label 0\.5 in row 0"),
        (np.array(["a", "b"])[LABELS[:20] % 2], LABELS[20:], "label a in row 0"),
    ],
)
def test_labels_of_every_split_are_checked_whichever_is_opened(train, val, said, tmp_path):
    path = str(tmp_path / "set.npz")
    np.savez(path, x_train=IMAGES[:20], y_train=train, x_val=IMAGES[20:], y_val=val)
    for split in ("train", "val"):
        with pytest.raises(UserError, match=said):
            Arrays(path, split, 0.1, 0)


def test_all_splits_together_and_a_file_that_is_cut(tmp_path):
    path = tmp_path / "set.npz"
    arrays = {"x_train": IMAGES[:20], "x_val": IMAGES[20:]}
    np.savez(path, **arrays, y_train=LABELS[:20], y_val=LABELS[20:])
    pixels, labels = read(Arrays(str(path), "all", 0.1, 0))
    np.testing.assert_array_equal(pixels[..., 0], IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"cannot be read as \.npz"):
        Arrays(str(path), "train", 0.1, 0)
