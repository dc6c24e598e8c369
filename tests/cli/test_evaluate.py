"""The verbs that use networks refuse what names none, before anything long begins."""

import pytest

from effjax import cli


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evaluate"], "evaluate what?"),
        (["predict", "nowhere.jpg", "--workdir=runs/a"], "nowhere.jpg"),
    ],
)
def test_mistakes(words, told, tmp_path, monkeypatch, capsys):
    (tmp_path / "runs/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        cli.main(words)
    assert exit_.value.code == 1
    assert told in capsys.readouterr().err
