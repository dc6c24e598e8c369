"""Ten classes of real photographs without splits, nested and linked, from zip to predictions."""

import json
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from effjax import cli
from effjax.data import DataConfig
from effjax.data.sources.examples import identity
from effjax.data.sources.open import open_examples

ROOT = Path(__file__).parents[3]
PACKED = ROOT / "../shared/data/photos10/photos10.zip"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PACKED.exists(), reason="needs ../shared/data"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """photos.zip, class folders of which the images lie at two depths; links/, links to them."""
    folder = tmp_path_factory.mktemp("photos10")
    with zipfile.ZipFile(PACKED) as packed, zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for name in packed.namelist():
            if name.endswith("/"):
                continue
            _, label, file = name.split("/")
            deep = ("day", "night/cloudy")[zlib.crc32(file.encode()) % 2]
            path = folder / "store" / label / deep / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed.read(name))
            archive.writestr(f"my photos/{label}/{deep}/{file}", path.read_bytes())
        archive.writestr("__MACOSX/my photos/tench/._x.JPEG", b"\0\5\x16\7")
    (folder / "links").mkdir()
    for label in os.listdir(folder / "store"):
        os.symlink(folder / "store" / label, folder / "links" / label)
    return folder


def test_the_zip_and_the_links_hold_the_same(folder):
    found = {}
    for name in ("photos.zip", "links"):
        config = DataConfig(name=str(folder / name))
        train = open_examples(config, "train")
        held_out = open_examples(config, "validation")
        assert (len(train), len(held_out), len(train.class_names)) == (4050, 450, 10)
        found[name] = (identity(train), identity(held_out))
    assert found["photos.zip"] == found["links"]


def test_from_the_zip_to_predictions(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    cli.main(["data", "check", "photos.zip"])
    said = capsys.readouterr().out
    assert "train: 4050 images, 10 classes of 405 (cassette_player) to 405 (tench)" in said
    assert "cannot be decoded: 0" in said
    config = f"--config={ROOT / 'configs/folder.py'}"
    short = ["--config.total_epochs=None", "--config.total_steps=4", "--config.data.image_size=32"]
    short += ["--config.schedule.warmup_epochs=0", "--config.data.cache=None", "--quiet"]
    # a run of four steps is not evaluated on all that is held out
    short += ["--config.data.val_share=0.01"]
    workdir = "--workdir=runs/photos"
    cli.main(["train", config, "--config.data.name=photos.zip", workdir, *short])
    capsys.readouterr()
    cli.main(["predict", workdir, "links/church", "links/tench/night", "--json", "--quiet"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = [*Path("links/church").rglob("*.JPEG"), *Path("links/tench/night").rglob("*.JPEG")]
    assert len(lines) == len(seen) > 450
    assert all(len(line["classes"]) == 5 for line in lines)
