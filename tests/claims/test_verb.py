"""The verb: what is shown, what is measured, when it stops."""

import pytest

from effjax.claims.claim import read_claim
from effjax.claims.place import Place
from effjax.claims.row import read_rows
from effjax.claims.verb import measure, measure_claims, missing_size, show_claims, write_page
from effjax.cli import main
from effjax.errors import UserError
from effjax.report.progress import Quiet

FILE = """
title = "A is better than B"
source = "A paper"
says = "by 1 %"
tested = "on nothing"
group = "Letters"

[question]
kind = "better"
arm = "a"
base = "b"

[small]
kind = "command"
command = "python SCRIPT WORKDIR"
metric = "val/top1"
seeds = 1
minutes = 1
"""
SCRIPT = """
import sys
from pathlib import Path
text = "variant,seed,val/top1,reason,folder\\na,0,1,,\\nb,0,2,,\\n"
Path(sys.argv[1], "runs.csv").write_text(text)
"""


@pytest.fixture
def claim(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    path = tmp_path / "letters.toml"
    path.write_text(FILE.replace("SCRIPT", str(script)))
    return read_claim(path)


def test_measuring_goes_on_where_it_stopped(claim, tmp_path):
    place = Place(tmp_path / "work", None, "small")
    long_ago = -1e9
    assert not measure(claim, place, tmp_path, long_ago, 1.0, Quiet())
    assert read_rows(tmp_path, "letters") == []
    assert measure(claim, place, tmp_path, long_ago, None, Quiet())
    assert [row.value for row in read_rows(tmp_path, "letters")] == [1.0, 2.0]
    assert measure(claim, place, tmp_path, long_ago, 1.0, Quiet())  # nothing is missing


def test_all_and_one(capsys):
    main(["claims"])
    listed = capsys.readouterr().out
    assert "adan" in listed
    assert "not true here" in listed
    main(["claims", "adan"])
    assert "adamw / adan = 1.29" in capsys.readouterr().out


def test_what_is_no_claim(tmp_path):
    with pytest.raises(UserError, match="no claim 'adann'; did you mean 'adan'"):
        show_claims(["adann"], None, Quiet())
    with pytest.raises(UserError, match="adan has no size 'gpu'; give --size=small"):
        measure_claims(["adan"], "gpu", tmp_path, None, None, None, Quiet())
    with pytest.raises(UserError, match="--size=tiny; expected small or gpu"):
        measure_claims([], "tiny", tmp_path, None, None, None, Quiet())
    missing = tmp_path / "sets"
    with pytest.raises(UserError, match="sets is no folder; give the one in which cifar10"):
        measure_claims(["adan"], "small", tmp_path, None, missing, None, Quiet())


def test_an_open_claim_says_why(claim):
    object.__setattr__(claim, "open", "it is not built yet")
    assert "cannot be tested yet: it is not built yet" in missing_size(claim, "small")


def test_the_page(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["claims", "adan", f"--page={tmp_path / 'claims.md'}"])
    assert "--page writes all claims" in capsys.readouterr().err
    write_page(tmp_path / "claims.md", None)
    assert "## Optimizers" in (tmp_path / "claims.md").read_text()
    assert (tmp_path / "pictures/claims.png").stat().st_size > 5000
