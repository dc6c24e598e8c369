"""A flag that is given is used or refused: the whole table, without running anything."""

import pytest

from effjax import cli
from effjax.cli.together import EXCLUDES, NEEDS, OVERRIDE
from effjax.errors import UserError

# what each verb asks for in any case
REQUIRED = {
    "bench": ["--config=F"],
    "convert": ["weights.pth"],
    "data": ["check", "photos"],
    "export": ["--format=onnx"],
    "predict": ["cat.jpg"],
    "profile": ["--config=F"],
    "search": ["--config=F"],
    "show": ["--config=F"],
    "sweep": ["--config=F"],
    "train": ["--config=F"],
}
# what comes with a leader that needs one itself, and values that are not whole numbers
FEATURES = ["--workdir=runs/x", "--features"]
BEFORE = {
    "--features": FEATURES[:1],
    "--shots": FEATURES,
    "--ways": [*FEATURES, "--shots=1"],
    "--guidance": ["--workdir=D"],
    "--compare": ["--config=F"],
    "--importance": ["--budget=macs:0.5x"],
    "ratios=search": ["--budget=macs:0.5x"],
}
VALUES = {
    "--guidance-interval": "--guidance-interval=0.1,0.9",
    "--ratios": "--ratios=search",
}
NEEDED = [
    (verb, flag, leader) for verb in NEEDS for flag in NEEDS[verb] for leader in NEEDS[verb][flag]
]
EXCLUDED = [
    (verb, flag, other)
    for verb in EXCLUDES
    for flag in EXCLUDES[verb]
    for other in EXCLUDES[verb][flag]
]


def declared(verb):
    """{flag: its settings}."""
    return {name: flag.settings for flag in cli.VERBS[verb].flags for name in flag.names}


def typed(verb, flag):
    """A flag with a value that its type takes."""
    if flag == OVERRIDE:
        return ["--config.nonsense=7"]
    if flag.startswith("action="):
        return []
    if "=" in flag:
        return [f"--{flag}"]
    takes_value = declared(verb)[flag].get("action") in (None, "append")
    return [VALUES.get(flag, f"{flag}=3")] if takes_value else [flag]


@pytest.mark.parametrize("verb", sorted({*NEEDS, *EXCLUDES}))
def test_the_table_names_flags_that_there_are(verb):
    named = {flag for flag in [*NEEDS.get(verb, {}), *EXCLUDES.get(verb, {})] if flag != OVERRIDE}
    assert named <= set(declared(verb))


@pytest.mark.parametrize(("verb", "flag", "leader"), NEEDED)
def test_a_flag_needs_its_leader(verb, flag, leader):
    words = [verb, *REQUIRED.get(verb, []), *BEFORE.get(leader, []), *typed(verb, flag)]
    _, _, action = leader.partition("action=")
    if action:
        taken = {one.partition("action=")[2] for one in NEEDS[verb][flag]}
        words[1] = next(other for other in ("prepare", "check", "latents") if other not in taken)
    with pytest.raises(UserError, match=f"{verb} uses {flag} only with"):
        cli.parse(words)
    if action:
        words[1] = action
    assert cli.parse([*words, *typed(verb, leader)]).verb == verb


@pytest.mark.parametrize(("verb", "flag", "other"), EXCLUDED)
def test_flags_that_exclude_each_other(verb, flag, other):
    words = [verb, *REQUIRED.get(verb, []), *typed(verb, flag), *typed(verb, other)]
    if verb == "data":
        words[1] = "prepare"
    with pytest.raises(UserError, match="not both"):
        cli.parse(words)


def test_every_flag_of_evaluate_has_its_place():
    """Each is in the table, leads in it, or is used in all three ways of evaluating."""
    leaders = {"--workdir", "--config", "--model", "--weights"}
    assert set(declared("evaluate")) == {
        *NEEDS["evaluate"],
        *leaders,
        "--quiet",
        "--no-plugins",
        "--debug",
    } - {OVERRIDE}
