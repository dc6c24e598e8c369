"""The verb `analyse` declares its flags; tests/analyse/test_face.py runs it."""

from effjax.cli import parse


def test_runs_side_by_side():
    args = parse(["analyse", "runs/a", "runs/b", "--what=noise", "--at-loss=0.5"])
    assert [str(run) for run in args.runs] == ["runs/a", "runs/b"]
    assert (args.workdir, args.step, args.at_loss) == (None, None, 0.5)
