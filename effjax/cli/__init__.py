"""The command line: verbs -> functions, nothing else. A file holds the verbs of one room.

Exit status: 0 done; 1 a user's mistake; 3 an update was not finite; 75 interrupted and saved.
"""

import argparse
import contextlib
import importlib
import itertools
import os
import sys

from effjax import plugins
from effjax.cli.checkpoints import refuse_missing_runs, take_checkpoint
from effjax.cli.declare import VERBS, default_workdir, make_parser
from effjax.cli.interruptible import interruptible
from effjax.cli.together import OVERRIDE, check_together
from effjax.errors import NonFinite, Preempted, ReaderGone, UserError, nearest, printable_lines
from effjax.startup import collect_garbage_seldom, tune_malloc, use_compilation_cache

__all__ = ["VERBS", "default_workdir", "main", "make_parser", "parse"]

# the files in which verbs declare themselves, in the order of `effjax --help`
for _room in (
    "train",
    "search",
    "compress",
    "evaluate",
    "analyse",
    "sample",
    "bench",
    "claims",
    "export",
    "data",
    "inspect",
    "completion",
):
    importlib.import_module(f"effjax.cli.{_room}")

# exit statuses
USER_MISTAKE = 1
NOT_FINITE = 3
INTERRUPTED = 75  # EX_TEMPFAIL: a scheduler may run the command again
CTRL_C = 130  # as a shell reports it: 128 and the number of the signal
RESUMED = (["data", "prepare"],)  # what goes on where it was when the same command is given again
_INTERNAL = ("function", "verb")  # what a parsed command holds beside its flags


def parse(argv: list[str]) -> argparse.Namespace:
    """Arguments of a verb; `--config.key=value` come back as `overrides`.

    Raises:
      UserError: an unknown verb or flag, a missing one, or one that would do nothing.
    """
    overrides = [word for word in argv if word.startswith("--config.")]
    words = [word for word in argv if not word.startswith("--config.")]
    _check_equals(argv)
    args, unknown = make_parser().parse_known_args(words)
    if unknown:
        raise UserError(_unknown_word(unknown[0], args))
    if overrides and not hasattr(args, "config"):
        raise UserError(f"{args.verb} takes no config; got {overrides[0]!r}")
    # from the words, as `args` holds defaults too
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    if overrides:
        given.add(OVERRIDE)
    if take_checkpoint(args, given):
        given.add("--step")
    check_together(args.verb, given, vars(args))
    args.overrides = overrides
    return args


def _check_equals(argv: list[str]) -> None:
    """Refuses `--config.seed 1`: without "=" the value could be another argument."""
    for word, following in itertools.pairwise(argv):
        has_no_value = word.startswith("--config.") and "=" not in word
        if has_no_value and not following.startswith("-"):
            raise UserError(
                f"override {word!r} has no value; write it with '=': {word}={following}"
            )


def _unknown_word(word: str, args: argparse.Namespace) -> str:
    """What to say of a word that the verb does not take."""
    name, _, value = word.lstrip("-").partition("=")
    flags = [flag for flag in vars(args) if flag not in _INTERNAL]
    key = None
    if hasattr(args, "config") and name not in flags:
        key = _key_called(name.replace("-", "_"))
    if key:
        hint = f"it is a key of the config: --config.{key}={value or 'VALUE'}"
    else:
        hint = nearest(f"--{name}", [f"--{flag.replace('_', '-')}" for flag in flags])
    return f"{args.verb} has no {word!r}; {hint}\nsee: effjax {args.verb} --help"


def _key_called(name: str) -> str | None:
    """The key of a run's config that is called so, as "total_epochs" for "epochs"."""
    from effjax.config.hints import keys_called
    from effjax.runs.schema import default_config

    found = keys_called(name, default_config())
    return found[0] if found else None


def main(argv: list[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    if argv is None:  # typed by a user, and not called by a test
        tune_malloc()
        collect_garbage_seldom()
        sys.stdout.reconfigure(errors="replace")  # an old terminal shows "?" for a bar
        argv = sys.argv[1:]
    debug = "--debug" in argv
    try:
        # from here on, as the imports take seconds
        context = contextlib.nullcontext()
        if argv[:2] in RESUMED:
            context = interruptible()
        with context:
            args = parse(argv)
            refuse_missing_runs(args)
            use_compilation_cache()
            with plugins.refused(args.no_plugins):
                args.function(args)
            sys.stdout.flush()  # here, where a reader that is gone is no error
    except (UserError, NonFinite, Preempted) as error:
        if debug:
            raise
        # names of files and classes may hold control characters
        with contextlib.suppress(BrokenPipeError):  # `2>&1 | head`
            print(f"effjax: {printable_lines(str(error))}", file=sys.stderr)
        statuses = {NonFinite: NOT_FINITE, Preempted: INTERRUPTED}
        status = statuses.get(type(error), USER_MISTAKE)
        raise SystemExit(status) from None
    except (BrokenPipeError, ReaderGone):  # `effjax models | head`: nobody reads the rest
        # Python flushes standard output as it ends, which would raise again
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except KeyboardInterrupt:
        if debug:
            raise
        print("effjax: interrupted", file=sys.stderr)
        raise SystemExit(CTRL_C) from None
