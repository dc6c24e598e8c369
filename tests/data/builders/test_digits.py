"""The digits: what is stored."""

import numpy as np

from effjax.data.images.decode import decode
from effjax.data.sources.catalog import prepared_directory
from effjax.data.sources.records import Records


def test_splits_are_fixed_stratified_and_disjoint(digits_dir):
    directory = prepared_directory("digits", digits_dir)
    train, validation = Records(directory, "train"), Records(directory, "validation")
    assert (len(train), len(validation)) == (1437, 360)
    assert train.class_names == tuple("0123456789")
    counts = np.bincount([validation[i][1] for i in range(360)])
    assert counts.min() >= 35
    assert counts.max() <= 37


def test_pixels_and_labels_are_scikit_learns(digits_dir):
    from sklearn.datasets import load_digits

    digits = load_digits()
    known = {
        np.rint(image * 255 / 16).astype(np.uint8).tobytes(): label
        for image, label in zip(digits.images, digits.target)
    }
    source = Records(prepared_directory("digits", digits_dir), "validation")
    for row in range(len(source)):
        data, label = source[row]
        image = decode(data)
        assert image.shape == (8, 8, 3)
        assert known[image[..., 0].tobytes()] == label
