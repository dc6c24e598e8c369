"""What prepared data were made from."""

import json

import pytest

from effjax.data.sources.synthetic import Synthetic
from effjax.data.tools.provenance import check_same_source, describe_source, write_source
from effjax.errors import UserError


class Stamped(Synthetic):
    stamp = "1"

    def stamps(self):
        return [self.stamp]


def described(stamp="1", examples=8, **options):
    source = Stamped((4, 4), 2, examples, "train")
    source.stamp = stamp
    return describe_source({"train": source}, **options)


def test_the_same_is_recognised_and_others_are_told_apart(tmp_path):
    first = described(short_side=15, label=None)
    write_source(tmp_path, first)
    assert json.loads((tmp_path / "source.json").read_text()) == first
    check_same_source(tmp_path, described(short_side=15, label=None))
    for other in (described("2", short_side=15), described(examples=9, short_side=15)):
        with pytest.raises(UserError, match=r"from other images\n.*--force"):
            check_same_source(tmp_path, other)
    with pytest.raises(UserError, match=r"other options \(short_side: 15 -> None\)"):
        check_same_source(tmp_path, described(short_side=None))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"splits": 1, "options": []}'])
def test_a_record_of_another_shape_says_nothing(tmp_path, text):
    (tmp_path / "source.json").write_text(text)
    with pytest.raises(UserError, match=r"does not say what it was made from\n.*--force"):
        check_same_source(tmp_path, described(short_side=15))
