"""Odd folders, archives and arrays, and what docs/own_images.md says of them."""

import io
import os
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig, open_split
from effjax.data.tools.check import check
from effjax.errors import UserError

PAGE = Path(__file__).parents[3] / "docs/own_images.md"
TABLE = PAGE.read_text().partition("## Odd folders and archives")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| `([^`]+)`[^|]*\| ([^|]+) \|$", TABLE, re.MULTILINE))


def image(value, form="JPEG"):
    file = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


class Maker:
    """Makes each set of the table."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def put(self, *names):
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.count += 1
            path.write_bytes(image(self.count, "AVIF" if name.endswith("avif") else "JPEG"))

    def plain(self, name, top="", count=6):
        self.put(*(f"{name}/{top}{c}/{k}.jpg" for c in ("cat", "dog") for k in range(count)))
        return self.folder / name

    def zip(self, name, source, separator="/"):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    inside = str(path.relative_to(source)).replace("/", separator)
                    archive.writestr(inside, path.read_bytes())

    def arrays(self, name, labels):
        images = np.zeros((24, 4, 4), np.uint8)
        train = np.arange(24) % 4
        val = np.arange(24) % 4
        if name == "unknown_in_val.npz":
            val = labels(val)
        else:
            train = labels(train)
        np.savez(self.folder / name, x_train=images, y_train=train, x_val=images, y_val=val)

    def links(self):
        self.put(*(f"elsewhere/{c}/{k}.jpg" for c in "abcd" for k in range(3)))
        (self.folder / "links").mkdir()
        for name in "abcd":
            os.symlink(self.folder / "elsewhere" / name, self.folder / "links" / name)

    def circle(self):
        os.symlink(self.plain("circle"), self.folder / "circle/dog/again")

    def nested(self):
        self.put(*(f"nested/{c}/{t}/1.jpg" for c in ("cat", "dog") for t in ("day", "night")))

    def mixed_depth(self):
        self.put(*(f"{self.plain('mixed_depth')}/{c}/far/9.jpg" for c in ("cat", "dog")))

    def hidden(self):
        self.plain("hidden")
        self.put(*(f"hidden/{f}.ipynb_checkpoints/x{k}.jpg" for f in ("", "cat/") for k in "12"))

    def hidden_zip(self):
        self.plain("hidden_files")
        self.put("hidden_files/.x/1.jpg", "hidden_files/cat/.x/1.jpg")
        self.put("hidden_files/__MACOSX/cat/._1.jpg", "hidden_files/cat/._1.jpg")
        self.zip("hidden.zip", self.folder / "hidden_files")

    def backslash_zip(self):
        self.zip("backslash.zip", self.plain("unpacked"), "\\")

    def CAPITALS_ZIP(self):
        self.zip("CAPITALS.ZIP", self.plain("unpacked"))

    def endings(self):
        self.put(*(f"endings/{e}/{k}.{e}" for e in ("jfif", "jpe", "avif") for k in "123"))

    def loose(self):
        self.plain("loose")
        self.put("loose/preview.jpg")

    def texts(self):
        for name in ("notes.txt", "list.xml"):
            (self.plain("texts") / "cat" / name).write_text("hello")

    def a_class_called_train(self):
        self.put(*(f"a_class_called_train/{c}/{k}.jpg" for c in ("train", "bus") for k in "123"))

    def accents(self):
        self.put(*(f"accents/{c}/1.jpg" for c in ("caf\u00e9", "cafe\u0301", "bar")))

    def wrapped_zip(self):
        self.plain("unpacked", "one/two/")
        self.zip("wrapped.zip", self.folder / "unpacked")

    def dangling(self):
        os.symlink("/nowhere/x.jpg", self.plain("dangling") / "cat/lost.jpg")

    def badmember_zip(self):
        self.zip("badmember.zip", self.plain("unpacked"))
        path = self.folder / "badmember.zip"
        data = path.read_bytes()
        at = data.find(b"JFIF", len(data) // 2)
        path.write_bytes(data[: at + 100] + bytes(40) + data[at + 140 :])

    def cut_zip(self):
        self.zip("cut.zip", self.plain("unpacked"))
        self.halve("cut.zip")

    def cut_tar(self):
        with tarfile.open(self.folder / "cut.tar", "w") as archive:
            archive.add(self.plain("unpacked"), "set")
        self.halve("cut.tar")

    def halve(self, name):
        data = (self.folder / name).read_bytes()
        (self.folder / name).write_bytes(data[: len(data) // 2])

    def flat(self):
        self.put("flat/1.jpg", "flat/2.jpg")

    def holdout(self):
        self.put("holdout/train/cat/1.jpg", "holdout/train/dog/1.jpg", "holdout/holdout/cat/1.jpg")

    def one_based_npz(self):
        self.arrays("one_based.npz", lambda y: y + 1)

    def negative_npz(self):
        self.arrays("negative.npz", lambda y: np.where(y == 0, -1, y))

    def unknown_in_val_npz(self):
        self.arrays("unknown_in_val.npz", lambda y: np.where(y == 3, 9, y))

    def fractions_npz(self):
        self.arrays("fractions.npz", lambda y: y + 0.7)

    def nan_npz(self):
        self.arrays("nan.npz", lambda y: np.where(y == 0, np.nan, y))

    def strings_npz(self):
        self.arrays("strings.npz", lambda y: np.array(["cat", "dog"])[y % 2])


@pytest.mark.parametrize("name", ROWS)
def test_the_table_says_what_happens(name, tmp_path):
    getattr(Maker(tmp_path), name.replace(".", "_"))()
    path, said = str(tmp_path / name), ROWS[name]
    config = DataConfig(name=path, image_size=8, on_error="skip")
    how = {"seed": 0, "batch_size": 2, "train": True}
    if said.startswith("refused"):
        parts = said.split("`")[1].split("...")
        pattern = ".*".join(re.escape(part.strip()) for part in parts)
        for read in (lambda: check(path), lambda: open_split(config, "train", **how)):
            with pytest.raises(UserError, match=f"(?s){pattern}") as caught:
                read()
            assert len(str(caught.value).splitlines()) == 2
        return
    report = check(path)
    (classes,) = re.findall(r"^(\d+) classes", said)
    assert {len(counts) for counts in report.counts.values()} == {int(classes)}
    for reason, count in re.findall(r"ignored, ([^:]+): (\d+)", said):
        found = [names for why, names in report.ignored.items() if why.startswith(reason)]
        assert sum(map(len, found)) == int(count)
    reasons = re.findall("cannot be read: `([^`]+)`", said)
    assert len(report.broken) == len(reasons)
    for wanted, (_, reason) in zip(reasons, report.broken):
        assert reason.startswith(wanted.rstrip("."))
    split = open_split(config, "train", **how)
    with split.batches() as batches:
        seen = [next(batches) for _ in range(split.steps_per_epoch)]
    assert sum(batch["mask"].sum() for batch in seen) > 0
