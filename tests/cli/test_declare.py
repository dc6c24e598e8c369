"""What a verb declares: the types of its flags, and the folder that a config names."""

import argparse
from pathlib import Path

import pytest

from effjax import cli
from effjax.cli.declare import default_workdir, place
from effjax.errors import UserError


def test_a_checkpoint_is_a_step_or_the_best():
    evaluate = ["evaluate", "--workdir=D"]
    assert cli.parse([*evaluate, "--step=12"]).step == 12
    assert cli.parse([*evaluate, "--step=best"]).step == "best"
    assert cli.parse([*evaluate, "--step=average:5"]).step == "average:5"
    with pytest.raises(UserError, match="expected the step of a checkpoint, best, or av"):
        cli.parse([*evaluate, "--step=-3"])


def test_a_place_is_a_folder_here_or_in_a_bucket():
    assert place("runs/a") == Path("runs/a")
    with pytest.raises(argparse.ArgumentTypeError):
        place("s3://bucket/run")


def test_a_config_and_its_argument_name_the_folder():
    assert default_workdir("configs/quickstart.py") == Path("runs/quickstart")
    assert default_workdir("configs/quickstart.py:quick") == Path("runs/quickstart-quick")
