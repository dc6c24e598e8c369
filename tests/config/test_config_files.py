"""Config files: the words after the colon, `quick`, and errors inside the file."""

import pytest

from effjax.config import call_config
from effjax.errors import UserError

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
