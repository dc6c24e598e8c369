"""The verb `analyse` declares its flags; tests/analyse/test_face.py runs it."""

import dataclasses

from effjax.analyse.settings import FULL, Settings
from effjax.cli import parse


def test_runs_side_by_side():
    args = parse(["analyse", "runs/a", "runs/b", "--what=noise", "--at-loss=0.5"])
    assert [str(run) for run in args.runs] == ["runs/a", "runs/b"]
    assert (args.workdir, args.step, args.at_loss) == (None, None, 0.5)


def test_full_is_the_thorough_look_unless_a_number_is_given(monkeypatch):
    looked = []
    monkeypatch.setattr("effjax.analyse.face.analyse", lambda *given: looked.append(given[3]))
    for words in ([], ["--full"], ["--full", "--points=5"]):
        args = parse(["analyse", "runs/a", *words])
        args.function(args)
    first, full, coarse = looked
    assert first == Settings()
    assert full == FULL
    assert coarse == dataclasses.replace(FULL, points=5)
