"""Config files: the words after the colon, `quick`, and errors inside the file."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

from effjax.config import call_config, config_files
from effjax.config.config_files import find_config, shipped_configs
from effjax.errors import UserError

ROOT = Path(__file__).parents[2]

DECLARED = """
from __future__ import annotations
import dataclasses

ARGS = {"small": 1, "large": 2}

@dataclasses.dataclass
class Own:
    size: int = 0

def get_config(size="small"):
    return Own(ARGS[size])

def quick(config):
    config.size += 10
"""


@pytest.fixture
def declared(tmp_path):
    path = tmp_path / "declared.py"
    path.write_text(DECLARED)
    return path


def test_words_choose_a_variant_and_quick_changes_the_default(declared):
    assert call_config(str(declared), "get_config").size == 1
    assert call_config(f"{declared}:large", "get_config").size == 2
    assert call_config(f"{declared}:quick", "get_config").size == 11


def test_an_unknown_word_is_refused(declared):
    with pytest.raises(UserError, match="expected one of small, large, quick"):
        call_config(f"{declared}:quikc", "get_config")
    declared.write_text("def get_config(): pass\ndef quick(config): pass\n")
    with pytest.raises(UserError, match="knows no arg 'small'; expected 'quick'"):
        call_config(f"{declared}:small", "get_config")


@pytest.mark.parametrize("declared_words", ["", 'ARGS = ("NAME.TAG",)\n'])
def test_a_file_may_check_its_words_itself(tmp_path, declared_words):
    path = tmp_path / "own.py"
    path.write_text(f"{declared_words}def get_config(arg=None): return arg\n")
    assert call_config(f"{path}:anything", "get_config") == "anything"
    assert call_config(str(path), "get_config") is None


@pytest.mark.parametrize(
    "typed", ["quickstart", "quickstart.py", "configs/quickstart", "configs/quickstart.py"]
)
def test_a_config_that_ships_is_found_from_anywhere(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(typed) == ROOT / "configs/quickstart.py"
    own = tmp_path / "configs/quickstart.py"
    own.parent.mkdir()
    own.touch()
    assert find_config(typed).absolute() == own


def test_a_folder_does_not_hide_a_config_and_names_of_others_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    assert find_config("quickstart").name == "quickstart.py"
    for typed, hint in [("quikstart", "'quickstart'"), ("imagenet/caformr", "no such folder")]:
        with pytest.raises(UserError, match=hint):
            find_config(typed)
    for typed in ("../configs/quickstart.py", str(tmp_path / "quickstart.py")):
        with pytest.raises(UserError, match="does not exist"):
            find_config(typed)


def test_without_a_checkout_the_installed_configs_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(config_files, "HOME", tmp_path / "site-packages")
    monkeypatch.setattr(config_files.sysconfig, "get_path", lambda name: str(tmp_path))
    assert shipped_configs() is None
    installed = tmp_path / "share/effjax/configs"
    (installed / "search").mkdir(parents=True)
    (installed / "search/some.py").touch()
    assert find_config("search/some") == installed / "search/some.py"


def test_every_config_is_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = set()
    for folder, patterns in project["tool"]["setuptools"]["data-files"].items():
        for pattern in patterns:
            assert folder == f"share/effjax/{Path(pattern).parent}"
            shipped.update(ROOT.glob(pattern))
    files = {path for path in (ROOT / "configs").rglob("*") if path.is_file()}
    assert {path for path in files if path.suffix != ".pyc"} <= shipped


def test_a_config_that_changed_within_a_second_is_read_again(tmp_path, monkeypatch):
    """Python takes a compiled file for current by the second and the size of its source."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "config.py"
    for rate in (0.1, 0.2):
        file.write_text(f"def get_config():\n    return {rate}\n")
        os.utime(file, (0, 0))
        assert call_config(str(file), "get_config") == rate
    assert not (tmp_path / "__pycache__").exists()
