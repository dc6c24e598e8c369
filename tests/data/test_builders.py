"""The digits: what is stored, and that several processes may prepare it at once."""

import subprocess
import sys

import numpy as np
import pytest

from effjax.data.catalog import prepared_directory
from effjax.data.decode import decode
from effjax.data.sources import Records
from effjax.errors import UserError


@pytest.fixture(scope="module")
def digits_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tfds")
    prepared_directory("digits", str(directory))
    return str(directory)


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


def test_sub_splits(digits_dir):
    directory = prepared_directory("digits", digits_dir)
    part = Records(directory, "train[100:200]")
    whole = Records(directory, "train")
    assert [part[i] for i in range(100)] == [whole[100 + i] for i in range(100)]


def test_two_processes_prepare_at_once(tmp_path):
    code = (
        "import sys; from effjax.data.catalog import prepared_directory\n"
        "print(prepared_directory('digits', sys.argv[1]))\n"
        "assert not {'tensorflow', 'torch', 'flax.nnx'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(printed) == 1
    assert len(Records(printed.pop().strip(), "train")) == 1437


def test_unknown_names_are_told_apart(digits_dir, tmp_path):
    with pytest.raises(UserError, match="did you mean 'digits'") as caught:
        prepared_directory("digit", digits_dir)
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(UserError, match="not prepared"):
        prepared_directory("cars", str(tmp_path / "missing"))
    with pytest.raises(UserError, match="did you mean 'validation'"):
        Records(prepared_directory("digits", digits_dir), "valid")
