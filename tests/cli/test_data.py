"""The verbs for files refuse what they cannot use."""

import pytest

from effjax import cli
from effjax.cli.data import _pattern_and_name
from effjax.errors import UserError


def test_a_new_name_stands_behind_the_last_equals_sign():
    assert _pattern_and_name("^model[.]=") == ("^model[.]", "")
    assert _pattern_and_name("(?=a)b=c") == ("(?=a)b", "c")
    with pytest.raises(UserError, match="--rename=model: expected REGEX=NEW"):
        _pattern_and_name("model")


def test_prepared_images_need_a_folder(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["data", "prepare", "photos.zip"])
    assert exit_.value.code == 1
    assert "give --out=DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["weights.pth"], "effjax convert IN OUT --model=M"),
        (["weights.pth", "out.safetensors"], "effjax convert IN OUT --model=M"),
        (["runs/x", "--licence=mit"], "--licence only with --push"),
        (["runs/nowhere", "--push=me/x", "--dry-run"], "there is no such run or file"),
    ],
)
def test_convert_says_what_it_needs(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["convert", *words])
    assert told in capsys.readouterr().err
