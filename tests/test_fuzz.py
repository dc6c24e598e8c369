"""Random command lines and configs: whatever is typed, nobody sees a traceback."""

import dataclasses
import random
from pathlib import Path

import jax
import pytest

from effjax import cli
from effjax.config import UNITS, load
from effjax.runs.continuing import check_continues, flatten
from effjax.runs.schema import RunConfig, default_config
from effjax.tasks.run import build
from tests import mistakes

NUMBERS = ("-1", "0", "1", "3", "0.5", "1e30", "-1e30", "1e400", "-1e400", "0x10", "1_000", "1e9")
VALUES = (
    *NUMBERS,
    *("none", "None", "true", "False", "", "''", "'", "()", "(1,)", "(1,2,3,4)", "((((", "[]"),
    *("{}", "{'a': 1}", "{1, 2}", "b'x'", "...", "lambda: 0", "__import__('os')", "val/top1"),
    *("adan", "sgd", "lbfgs", "cosine", "step", "caformer_s18", "digits", "synthetic", "bfloat16"),
    *("../..", "/dev/null", "/", "~", "ü", "🐟", "x" * 500, "a b", "a=b", "--", "(('(', True),)"),
)
WORDS = (
    "--quiet",
    "--extend",
    "--debag",
    "-h",
    "-",
    "--",
    "runs",
    "🐟",
    "--step=-1",
    "--out=",
    "*",
)


def keys() -> dict[str, object]:
    """{every key of the canonical tree, dotted: its default}."""
    return flatten(default_config().to_dict())


def misspell(word: str, rng: random.Random) -> str:
    """One letter left out, doubled, swapped or made another."""
    place = rng.randrange(len(word))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    changed = ("", letter * 2, after[:1] + letter, rng.choice("aeio._-"))
    return before + rng.choice(changed) + after


def override(rng: random.Random, known: dict[str, object]) -> str:
    """`--config.key=value`: mostly keys that exist, values of all kinds, often of the right one."""
    key = rng.choice(list(known))
    measured = isinstance(known[key], int | float) or key.rpartition("_")[2] in UNITS
    value = rng.choice(NUMBERS if measured and rng.random() < 0.8 else VALUES)
    if rng.random() < 0.1:
        key = misspell(key, rng)
    return f"--config.{key}={value}" if rng.random() < 0.97 else f"--config.{key}"


def command(rng: random.Random, known: dict[str, object]) -> list[str]:
    """A command line: most reach the config, some get lost before."""
    if rng.random() < 0.75:
        overrides = [override(rng, known) for _ in range(rng.choice((1, 1, 2, 3)))]
        return ["train", "--config=configs/quickstart.py", *overrides]
    verbs = ("train", "evaluate", "show", "compare", "configs", "optimizers", "doctor")
    verb = rng.choice(verbs)
    verb = misspell(verb, rng) if rng.random() < 0.3 else verb
    name = rng.choice(("quickstart.py", "broken.py", "nothing.py", "misspelt.py", "none.py", ""))
    flags = [f"--config=configs/{name}", f"--workdir={rng.choice(VALUES)}", rng.choice(WORDS)]
    return [verb, *rng.sample(flags, rng.randrange(len(flags) + 1)), rng.choice(WORDS)]


def dry_run(args) -> None:
    """All that `train` does before the step is compiled: one batch, the step's shapes."""
    setup = build(load(args.config, args.overrides, RunConfig))
    workdir = getattr(args, "workdir", None) or cli.default_workdir(args.config)
    check_continues(Path(workdir), setup.config, extend=False)
    setup.task.evaluators(setup.config)
    if setup.config.data.workers == 0:  # processes are another test's
        with setup.source.batches(0) as batches:
            next(batches)
    jax.eval_shape(setup.step, setup.abstract, setup.source.spec)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The folder of mistakes.py, with the long verbs made short."""
    mistakes.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EFFJAX_CACHE", "off")
    for name in ("train", "show"):
        verb = dataclasses.replace(cli.VERBS[name], run=dry_run)
        monkeypatch.setitem(cli.VERBS, name, verb)
    return tmp_path


def status_of(argv: list[str]) -> object:
    """The exit status of a command, or what it raised."""
    try:
        cli.main(argv)
    except SystemExit as exit_:
        return exit_.code or 0
    except BaseException as error:
        return error
    return 0


def try_many(seeds: range, capsys) -> None:
    """Runs a command a seed: status 0 or 1, and at most two lines on standard error."""
    known, refused = keys(), 0
    for seed in seeds:
        argv = command(random.Random(seed), known)
        status = status_of(argv)
        told = capsys.readouterr().err
        assert status in (0, 1), f"seed {seed}: {argv} gave {status!r}"
        assert told.count("\n") <= 2, f"seed {seed}: {argv} said {told}"
        refused += status == 1
    assert len(seeds) // 4 < refused < len(seeds)


def test_50_random_commands_give_no_traceback(world, capsys):
    try_many(range(50), capsys)


@pytest.mark.slow
def test_the_rest_of_300_random_commands_give_no_traceback(world, capsys):
    try_many(range(50, 300), capsys)
