"""`effjax evaluate` in full, on a network of seconds."""

import contextlib
import json

import numpy as np
import pytest

from effjax import cli
from effjax.evaluate import evaluate_workdir
from tests import mistakes


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of four steps."""
    folder = tmp_path_factory.mktemp("evaluate")
    mistakes.make_world(folder)
    mistakes.add_run(folder, mistakes.train_quickstart(tmp_path_factory))
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A run of forty steps."""
    folder = tmp_path_factory.mktemp("learned")
    mistakes.make_world(folder)
    with contextlib.chdir(folder):
        settings = ["--config.total_steps=40", "--config.data.synthetic_examples=40"]
        settings += ["--config.checkpoint.every_steps=40"]
        cli.main(["train", "--config=configs/quickstart.py", "--quiet", *settings])
    return folder


@pytest.fixture(scope="module")
def report(learned):
    flags = ["--features", "--attack", "--corrupt", "--quiet", f"--out={learned / 'report'}"]
    cli.main(["evaluate", f"--workdir={learned / 'runs/quickstart'}", *flags])
    return json.loads((learned / "report/evaluation.json").read_text())


@pytest.mark.slow
def test_details_agree_with_what_was_measured_while_training(learned, report):
    metrics = evaluate_workdir(learned / "runs/quickstart")
    for name in ("top1", "top5", "loss"):
        np.testing.assert_allclose(report[name], metrics[f"val/{name}"], rtol=1e-5)
    assert report["images"] == 40
    assert sum(row["images"] for row in report["classes"]) == 40
    counts = np.array(report["confusion"]["counts"])
    assert np.trace(counts) == report["top1"] * 40
    assert report["drawn"] is None


@pytest.mark.slow
def test_everything_is_written(learned, report):
    names = {path.name for path in (learned / "report").iterdir()}
    pictures = {"confusion.png", "reliability.png", "corruptions.png", "severities.png"}
    pictures |= {"mistakes.png"}
    assert names == pictures | {"evaluation.json"}
    assert {"knn_top1", "linear_probe_top1", "calibration_error", "images_per_sec"} <= set(report)


@pytest.mark.slow
def test_attacks_and_damage_never_help_by_more_than_chance(report):
    for kind in ("fgsm", "pgd"):
        accuracies = list(report["attack"][kind].values())
        assert accuracies == sorted(accuracies, reverse=True)
        assert accuracies[0] <= report["top1"]
    found = report["corruptions"]
    assert found["clean"] == pytest.approx(1 - report["top1"])
    worst = np.mean([errors[-1] for errors in found["errors"].values()])
    assert worst > found["clean"] - 0.05


@pytest.mark.slow
def test_accuracy_falls_with_severity(tmp_path):
    """On a network that has learned something: the quickstart's, a third of its length."""
    settings = ["--config.total_epochs=5", "--config.parallel.devices=1"]
    run = ["--quiet", f"--workdir={tmp_path / 'run'}"]
    cli.main(["train", "--config=configs/quickstart.py", *run, *settings])
    cli.main(["evaluate", *run, "--corrupt", "--limit=192", f"--out={tmp_path}"])
    found = json.loads((tmp_path / "evaluation.json").read_text())["corruptions"]
    means = np.mean(list(found["errors"].values()), axis=0)
    assert found["clean"] < 0.2
    assert list(means) == sorted(means)
    assert means[-1] > found["clean"] + 0.1


def test_other_images(world, capsys):
    cli.main(["evaluate", "--workdir=runs/quickstart", "--data=digits", "--limit=16"])
    out = capsys.readouterr().out
    assert "on validation of digits (16 of " in out
    assert "1 or 2 of each of 10 classes, seed 0)" in out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--model=identityformer_s12", "--weights=none.safetensors"], "no weights at none"),
        (["--workdir=runs/quickstart", "--data=nowhere.zip"], "there is no such file"),
        (["--workdir=runs/quickstart", "--limit=0", "--details"], "--limit=0: give 1 or more"),
        (["--workdir=runs/quickstart", "--out=notes.txt"], "cannot write --out=notes.txt"),
    ],
)
def test_mistakes(flags, told, world, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["evaluate", *flags])
    assert exit_.value.code == 1
    assert told in capsys.readouterr().err
