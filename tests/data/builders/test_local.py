"""Well-known sets from files that the user has."""

import io
import os
import zipfile

import pytest
from PIL import Image

from effjax.data.images.decode import decode
from effjax.data.sources.catalog import prepared_directory
from effjax.data.sources.records import Records
from effjax.errors import UserError


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
