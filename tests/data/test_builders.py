"""The digits: what is stored, and that several processes may prepare it at once."""

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.sources.catalog import prepared_directory
from effjax.data.sources.records import Records
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
        "import sys; from effjax.data.sources.catalog import prepared_directory\n"
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
    with pytest.raises(UserError, match="did you mean 'train'"):
        Records(prepared_directory("digits", digits_dir), "trian")
    with pytest.raises(UserError, match="effjax data prepare cifar10 --manual-dir"):
        prepared_directory("cifar10", digits_dir)


def test_usual_names_of_splits_are_understood(digits_dir):
    directory = prepared_directory("digits", digits_dir)
    assert Records(directory, "val[:50%]").split == "validation[:50%]"
    assert len(Records(directory, "train+val[:10]")) == 1447


def test_sets_from_local_files(tmp_path):
    from effjax.data.builders.local import Cifar10
    from effjax.data.tools.prepare import prepare_local

    for split, count in (("train", 3), ("test", 2)):
        with zipfile.ZipFile(tmp_path / f"{split}.zip", "w") as archive:
            for number, name in enumerate(Cifar10.CLASS_NAMES):
                for i in range(count):
                    png = io.BytesIO()
                    Image.new("RGB", (32, 32), (number, i, 0)).save(png, format="PNG")
                    archive.writestr(f"{name}/{i:04}.png", png.getvalue())
    sizes = prepare_local("cifar10", str(tmp_path), str(tmp_path / "tfds"))
    assert sizes == {"train": 30, "test": 20}
    source = Records(prepared_directory("cifar10", str(tmp_path / "tfds")), "test")
    assert source.class_names == Cifar10.CLASS_NAMES
    for row in range(20):
        data, label = source[row]
        assert decode(data)[0, 0].tolist() == [label, row % 2, 0]
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        prepare_local("cifar", str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        prepare_local("cifar10", str(tmp_path / "none"))
    os.rename(tmp_path / "test.zip", tmp_path / "testing.bak")
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        archive.writestr("zebra/1.png", png.getvalue())
    with pytest.raises(UserError, match="expected those of cifar10"):
        prepare_local("cifar10", str(tmp_path), str(tmp_path / "again"))
