"""Odd folders, archives and arrays as people have them, each made by a method of `Maker`."""

import io
import os
import struct
import tarfile
import zipfile

import numpy as np
from PIL import Image


def image(value, form="JPEG", **options):
    """A file of 8 x 8 random pixels."""
    file = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


class Maker:
    """Makes each set of the tables in docs/own_images.md."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def make(self, name):
        """The set of that name, and its path."""
        getattr(self, name.replace(".", "_"))()
        return self.folder / name

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

    def wraps_npz(self):
        self.arrays("wraps.npz", lambda y: np.where(y == 0, 2**32 + 1, y))

    def sound_npz(self):
        self.arrays("sound.npz", lambda y: y)

    def tiff(self):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x112] = orientation
            for label, form in (("cat", "TIFF"), ("dog", "PNG")):
                path = self.folder / f"tiff/{label}/{orientation}.{form.lower()}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(image(orientation + 10 * (form == "PNG"), form, exif=exif))

    def exif(self):
        # orientation 6 as a number of another type, behind a long segment, and cut off
        six = exif_entry(3, struct.pack("<HH", 6, 0))
        heads = {
            "short": app1(six),
            "ascii": app1(exif_entry(2, b"6\0\0\0")),
            "behind": b"\xff\xe2" + struct.pack(">H", 6002) + b"ICC_PROFILE\0\1\1" + bytes(5986),
            "xmp": app1(b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'),
        }
        heads["behind"] += app1(six)
        for number, (name, head) in enumerate(heads.items()):
            for label in ("cat", "dog"):
                path = self.folder / f"exif/{label}/{name}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                data = image(number + 10 * (label == "dog"))
                path.write_bytes(data[:2] + head + data[2:])
        cut = image(99)
        (self.folder / "exif/cat/cut.jpg").write_bytes((cut[:2] + app1(six + bytes(500)))[:200])


def app1(payload):
    """A segment of a JPEG's head."""
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def exif_entry(kind, value):
    """EXIF with an orientation of a TIFF type."""
    start = b"Exif\0\0II*\0\x08\0\0\0"
    return start + struct.pack("<HHHI", 1, 0x112, kind, 1) + value + b"\0\0\0\0"
