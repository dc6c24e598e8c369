"""Files of claims: those that ship, and what is wrong in others."""

import shlex
from pathlib import Path

import pytest

from effjax import cli
from effjax.claims.claim import claims_folder, read_claim, read_claims
from effjax.claims.command import Command
from effjax.claims.trainings import Trainings
from effjax.config import load, set_values
from effjax.config.config_files import find_config
from effjax.errors import UserError
from effjax.runs.schema import RunConfig
from effjax.trials.plan import read_sweep

WHOLE = """
title = "A is better than B"
source = "A paper (2026)"
says = "by 1 %"
tested = "on digits"
group = "Letters"

[question]
kind = "better"
arm = "a"
base = "b"

[small]
kind = "command"
command = "effjax sweep --config=letters.py --workdir=WORKDIR"
metric = "val/top1"
seeds = 3
minutes = 1
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "letters.toml"


def test_a_whole_file(path):
    path.write_text(WHOLE)
    claim = read_claim(path)
    assert (claim.name, claim.group) == ("letters", "Letters")
    assert claim.question.arms == ("b", "a")
    assert claim.sizes["small"] == Command(
        command="effjax sweep --config=letters.py --workdir=WORKDIR",
        metric="val/top1",
        seeds=3,
        minutes=1.0,
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A is better than B"', "title = 3", "title = 3; expected"),
        ('group = "Letters"', 'gruop = "x"', "unknown key 'gruop'; did you mean 'group'"),
        ('source = "A paper (2026)"', "", "has no source"),
        ('kind = "better"', 'kind = "beter"', r"\[question\]: kind = 'beter'; did you mean"),
        ("seeds = 3", 'seeds = "3"', r"\[small\]: seeds = '3'; expected"),
        ('base = "b"', "", r"\[question\] has no base"),
        ("[small]", "[large]", "unknown key 'large'"),
        ("[small]", "[gpu]", r"needs \[question\] and \[small\], or open"),
        ("title =", "title", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(path, old, new, message):
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(UserError, match=message):
        read_claim(path)


def test_an_open_claim_needs_a_reason_alone(path):
    path.write_text(WHOLE.partition("[question]")[0] + 'open = "not built yet"\n')
    assert read_claim(path).open == "not built yet"


@pytest.mark.parametrize("claim", read_claims(claims_folder()).values(), ids=lambda c: c.name)
def test_claims_that_ship_can_be_measured(claim):
    assert claim.open or claim.tested
    for evidence in claim.sizes.values():
        if isinstance(evidence, Trainings):
            variants = read_sweep(evidence.config).named()
            read = {evidence.readings.get(arm, [arm])[0] for arm in claim.question.arms}
            assert read <= set(variants)
            set_values(load(evidence.config, (), RunConfig), dict(evidence.settings), RunConfig)
        elif isinstance(evidence, Command):
            assert "WORKDIR" in evidence.command
            for command in (evidence.first, evidence.command):
                check_command(shlex.split(command))


def check_command(words):
    """Its verb, flags, config and overrides, or its script, exist."""
    if words[:1] == ["effjax"]:
        args = cli.parse(words[1:])
        spec, _, arg = args.config.partition(":")
        path = str(find_config(spec))
        load(f"{path}:{arg}" if arg else path, args.overrides, RunConfig)
    elif words:
        assert Path(words[1]).exists()


def test_no_row_without_a_claim():
    folder = claims_folder()
    named = {path.stem for path in (folder / "rows").glob("*.jsonl")}
    assert named <= set(read_claims(folder))
