"""A run's folder that carries its checkpoint."""

import pytest

from effjax import cli
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
