"""Folders, zips and tars: their names, links, and what is cut."""

import logging
import os
import tarfile
import zipfile

import pytest

from effjax.data.sources.files import image_names, is_image, open_files
from effjax.errors import UserError


def write(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_links_are_followed_but_not_in_circles(tmp_path):
    write(tmp_path / "elsewhere/1.png")
    write(tmp_path / "set/dog/2.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "set/cat")
    os.symlink(tmp_path / "set", tmp_path / "set/dog/again")
    os.symlink("/nowhere/3.png", tmp_path / "set/dog/lost.png")
    files = open_files(str(tmp_path / "set"))
    assert image_names(files) == ["cat/1.png", "dog/2.png", "dog/lost.png"]
    assert files.read("cat/1.png") == b"x"
    assert files.stamp("dog/lost.png") == "missing"


def test_a_folder_that_may_not_be_listed_is_named(tmp_path, monkeypatch, caplog):
    write(tmp_path / "cat/1.png")
    write(tmp_path / "dog/2.png")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with caplog.at_level(logging.WARNING, "effjax.data"):
        assert image_names(open_files(str(tmp_path))) == ["cat/1.png"]
    assert "dog (Permission denied)" in caplog.text


def test_zips_of_windows_and_endings_in_capitals(tmp_path):
    path = tmp_path / "SET.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat\\1.jpg", b"one")
        archive.writestr("empty\\", b"")
        archive.writestr("dog\\.x\\2.JFIF", b"two")
    files = open_files(str(path))
    assert files.names() == ["cat/1.jpg", "dog/.x/2.JFIF"]
    assert image_names(files) == ["cat/1.jpg"]
    assert files.read("cat/1.jpg") == b"one"


def test_archives_that_are_cut_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("cat/1.png", bytes(9000))
    write(tmp_path / "1.png", bytes(9000))
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name in ("cat/1.png", "dog/1.png"):
            archive.add(tmp_path / "1.png", name)
    for path, said in ((tmp_path / "set.zip", "no whole zip"), (tmp_path / "set.tar", "whole tar")):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(UserError, match=f"{said}.*\n.*again"):
            open_files(str(path)).names()


def test_what_counts_as_an_image():
    assert all(is_image(name) for name in ("a/b.jfif", "a/b.JPE", "b.avif", "b.heic", "b.TIFF"))
    assert not any(is_image(name) for name in ("a/b.txt", ".b.jpg", "a/.b/c.jpg", "__MACOSX/b.jpg"))
