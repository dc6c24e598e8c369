"""A run's folder that carries its checkpoint."""

import pytest

from effjax import cli
from effjax.cli.checkpoints import refuse_missing_runs
from effjax.errors import UserError


@pytest.mark.parametrize("verb", ["evaluate", "predict", "export", "analyse", "sample"])
def test_a_folder_may_name_its_checkpoint(verb):
    words = {"predict": ["cat.jpg"], "export": ["--format=onnx"]}.get(verb, [])
    args = cli.parse([verb, *words, "--workdir=runs/x:average:3"])
    assert (str(args.workdir), args.step) == ("runs/x", "average:3")
    assert cli.parse([verb, *words, "--workdir=runs/x:12"]).step == 12


def test_a_folder_of_that_name_is_itself(tmp_path):
    folder = tmp_path / "x:12"
    folder.mkdir()
    args = cli.parse(["evaluate", f"--workdir={folder}"])
    assert (args.workdir, args.step) == (folder, None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evaluate", "--workdir=runs/x:best", "--step=3"], "give one: --workdir=runs/x --step="),
        (["train", "--config=F", "--workdir=runs/x:best"], "--config.model.name=runs/x:best"),
        (["search", "--config=F", "--workdir=runs/x:best"], "give --workdir=runs/x"),
        (["analyse", "runs/y", "runs/x:best"], "give runs/x --step=best"),
        (["compare", "runs/y", "runs/x:best"], "give runs/x"),
    ],
)
def test_what_takes_no_checkpoint_says_what_to_type(words, told):
    with pytest.raises(UserError, match=told):
        cli.parse(words)


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--workdir=runs/there"],
        ["compress", "--workdir=runs/there", "--budget=macs:0.5x"],
        ["compare", "runs/here", "runs/there"],
    ],
)
def test_a_run_that_is_missing_is_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/here").mkdir(parents=True)
    with pytest.raises(UserError, match="runs/there is not a run's folder"):
        refuse_missing_runs(cli.parse(words))


@pytest.mark.parametrize("words", [["train", "--config=F", "--workdir=runs/new"], ["models"]])
def test_a_folder_that_a_command_makes_may_be_missing(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_missing_runs(cli.parse(words))
