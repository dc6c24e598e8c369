"""Rows from a command: what it is typed as, what it leaves, how it fails."""

import dataclasses

import pytest

from effjax.claims.command import Command, as_process, as_words
from effjax.claims.place import Place
from effjax.errors import Preempted, UserError
from effjax.report.progress import Quiet

SCRIPT = """
import sys
from pathlib import Path
if sys.argv[2] != "0":
    sys.exit(int(sys.argv[2]))
text = "variant,seed,val/loss,reason,folder\\na,0,0.5,,\\na,1,0.25,,\\nb,0,0.75,,\\nc,0,1.0,,\\n"
Path(sys.argv[1], "runs.csv").write_text(text)
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "cifar10").mkdir()
    return Place(tmp_path / "work", tmp_path, "small")


def command(place, status=0):
    text = f"python {place.data}/script.py WORKDIR {status}"
    return Command(text, "val/loss", seeds=2, minutes=1.0)


def test_rows_of_the_arms_that_are_asked_for(place):
    rows = list(command(place).measure(("a", "b"), [], place, Quiet()))
    values = [(row.arm, row.pair, row.value) for row in rows]
    assert values == [("a", "0", 0.5), ("a", "1", 0.25), ("b", "0", 0.75)]
    again = list(command(place).measure(("a", "b"), rows[:2], place, Quiet()))
    assert [(row.arm, row.pair) for row in again] == [("b", "0")]


def test_what_comes_first_is_run_first(place):
    both = dataclasses.replace(command(place), first=f"python {place.data}/script.py WORKDIR 3")
    with pytest.raises(UserError, match="ended with exit status 3"):
        list(both.measure(("a",), [], place, Quiet()))


def test_how_a_command_ends(place):
    with pytest.raises(UserError, match="ended with exit status 3"):
        list(command(place, 3).measure(("a",), [], place, Quiet()))
    with pytest.raises(Preempted):
        list(command(place, 75).measure(("a",), [], place, Quiet()))


def test_words(place):
    typed = "effjax sweep --config.data.name=DATA/cifar10"
    assert as_words(typed, place)[-1] == f"--config.data.name={place.data}/cifar10"
    prepared = Place(place.workdir, None, "small")
    assert as_words(typed, prepared)[-1] == "--config.data.name=cifar10"
    with pytest.raises(UserError, match="holds no folder cifar100"):
        as_words(f"{typed}0", place)
    assert as_process(["effjax", "claims"])[1:] == ["-m", "effjax", "claims"]
    with pytest.raises(UserError, match="in a checkout"):
        as_process(["python", "benchmarks/absent.py"])


def test_which_way_a_metric_is_better():
    assert Command("c", "val/loss", 1, 1.0).less_is_better
    assert not Command("c", "val/top1", 1, 1.0).less_is_better
    assert Command("c", "largest eigenvalue", 1, 1.0, smaller_is_better=True).less_is_better
