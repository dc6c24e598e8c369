"""Files that are not there, or are no JSON, are named."""

import pytest

from effjax.compress.written import read_written
from effjax.errors import UserError


def test_what_was_written_comes_back(tmp_path):
    (tmp_path / "compress.json").write_text('{"bytes": 3}')
    assert read_written(tmp_path, "compress.json") == {"bytes": 3}


@pytest.mark.parametrize("text", [None, '{"bytes": '])
def test_what_cannot_be_read_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "compress.json").write_text(text)
    with pytest.raises(UserError, match=r"holds no compress\.json that can"):
        read_written(tmp_path, "compress.json")
