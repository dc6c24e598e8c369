"""JSON of another shape is a mistake in two lines, not a traceback."""

from typing import TypedDict

import pytest

from effjax.config import read_json
from effjax.errors import UserError


class Record(TypedDict):
    config: dict


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "holds a list; expected an object with 'config'"),
        ("null", "holds null"),
        ("{}", "expected a key 'config'"),
        ('{"config": []}', "for key 'config'"),
        ("[" * 10_000, "nested too deeply"),
        ("{", "is not JSON"),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_other_shapes(tmp_path, text, said):
    path = tmp_path / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        read_json(path, Record, "give another --workdir")
    first, second = str(caught.value).splitlines()
    assert str(path) in first
    assert said in first
    assert second == "give another --workdir"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_json(tmp_path / "config.json", Record)


def test_the_right_shape(tmp_path):
    (tmp_path / "config.json").write_text('{"config": {"a": 1}, "later": 2}')
    assert read_json(tmp_path / "config.json", Record) == {"config": {"a": 1}, "later": 2}
