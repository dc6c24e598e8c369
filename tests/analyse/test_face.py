"""Two runs side by side from the command line: tables, pictures, analysis.json."""

import json

import pytest

from effjax import cli
from effjax.analyse.face import finite, in_words
from effjax.analyse.settings import MEASURES, Settings
from effjax.errors import UserError

FEW = ("--examples=128", "--batches=16", "--steps=8", "--draws=2", "--points=5", "--updates=4")


@pytest.mark.slow
def test_two_runs_side_by_side(runs, tmp_path, capsys):
    what = "curvature,sharpness,slices,noise,gap,stability"
    words = ["analyse", *map(str, runs), f"--what={what}", f"--out={tmp_path}", *FEW]
    cli.main(words)
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "analysis.json").read_text())
    assert list(found["runs"]) == ["seed0", "seed1"]
    assert found["settings"]["examples"] == 128
    for run in found["runs"].values():
        assert run["step"] == 12
        assert set(what.split(",")) < set(run)
    for name in ("curvature", "slices", "noise", "stability"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert f"picture: {tmp_path / name}.png" in told
    assert "seed0  seed1" in told.replace("   ", "  ").replace("   ", "  ")
    assert "2 / peak rate" in told


def test_a_run_with_its_pictures(runs, tmp_path, capsys):
    cli.main(["analyse", f"--workdir={runs[0]}", "--what=noise,gap", f"--out={tmp_path}", *FEW])
    told = capsys.readouterr().out
    assert "seed0: noise (1 of 2), 16 passes\n" in told
    assert f"picture: {tmp_path / 'noise'}.png" in told
    found = json.loads((tmp_path / "analysis.json").read_text())["runs"]["seed0"]
    values = found["noise"]["values"]
    assert values["minibatches"] == 16
    assert values["noise scale (examples)"] > 0
    # without heavy tails, measured or of equal covariance is the same
    by_block = found["noise"]["curves"]["by block"]
    assert by_block.keys() == {"all", "body", "head", "norm"}
    pooled, control = (by_block["body"][k] for k in ("tail index, pooled", "  Gaussian control"))
    assert pooled == pytest.approx(control, abs=0.15)
    gap = found["gap"]["values"]
    assert gap["gap of loss"] == pytest.approx(gap["held-out loss"] - gap["train loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MEASURES))
def test_passes_are_as_many_as_announced(name, subject):
    settings = Settings(examples=128, steps=3, draws=2, batches=6, updates=2, points=5)
    subject.examples.passes = 0
    MEASURES[name].look(subject, settings)
    assert subject.examples.passes == MEASURES[name].passes(subject, settings)


def test_quiet_shows_tables_alone(runs, tmp_path, capsys):
    cli.main(["analyse", str(runs[0]), "--what=gap", f"--out={tmp_path}", "--quiet", *FEW])
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("gap: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "analyse which run"),
        (["RUN", "--what=curvatur"], "did you mean 'curvature'"),
        (["RUN", "--points=0"], "--points=0 is not above 0"),
        (["RUN", "--seed=-1"], "--seed=-1 is below 0"),
        (["RUN", "--at-loss=nan"], "--at-loss=nan is no loss"),
        (["RUN", "--step=6", "--at-loss=1"], "not both"),
        (["RUN", "--what=noise", "--batches=2"], "--batches=2 are too few"),
    ],
)
def test_mistakes(words, message, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [str(runs[0]) if word == "RUN" else word for word in words]
    with pytest.raises(SystemExit) as stopped:
        cli.main(["analyse", *words])
    assert stopped.value.code == 1
    assert message in capsys.readouterr().err


def test_numbers_that_json_has_not_are_null():
    assert finite({"a": [float("inf"), 1.0], "b": (float("nan"),)}) == {
        "a": [None, 1.0],
        "b": [None],
    }
    assert [in_words(v) for v in (None, float("nan"), 12.34567, 3)] == ["-", "-", "12.35", "3"]


@pytest.mark.slow
def test_a_task_without_images_has_no_gap(tmp_path):
    import effjax
    from effjax.report import choose_display
    from tests.training.toy import line_config

    config = line_config(total_steps=2.0)
    config.parallel.devices = 1
    quiet = choose_display(quiet=True)
    effjax.train(config, tmp_path / "line", display=quiet)
    from effjax.analyse.face import analyse

    found = analyse([tmp_path / "line"], quiet, ["curvature"], Settings(64, 5, 2))
    values = found["runs"]["line"]["curvature"]["values"]
    # least squares: the Hessian is the covariance of the points, times two
    assert 1.0 < values["lambda max"] < 6.0
    assert (tmp_path / "line/analysis/analysis.json").exists()
    with pytest.raises(UserError, match="has no held-out images"):
        analyse([tmp_path / "line"], quiet, ["gap"])
