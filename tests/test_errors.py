"""Messages name what is close, and only show what they quote."""

import pytest

from effjax.errors import nearest, printable, printable_lines


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["adam", "adan", "sgd"], "did you mean 'adam'"),
        (["sgd", "lion"], "known: lion, sgd"),
        ([], "there are none"),
    ],
)
def test_nearest_names_what_is_close_or_what_there_is(words, told):
    assert nearest("adamm", words).startswith(told)


def test_a_long_list_is_cut():
    told = nearest("x", [f"name{i:02}" for i in range(20)])
    assert told.endswith("name11, ...")


def test_control_characters_are_escaped():
    assert printable("Käse\x1b[2J\n") == "Käse\\x1b[2J\\n"
    assert printable("\udcff") == "\\udcff"  # a byte of a file's name that is not UTF-8
    assert printable_lines("a\nb\t") == "a\nb\\t"
