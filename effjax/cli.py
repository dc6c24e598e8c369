"""The command line: verbs -> functions, nothing else.

Exit status: 0 done; 1 a user's mistake; 3 an update was not finite; 75 interrupted and saved.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from effjax import __version__
from effjax.errors import NonFinite, Preempted, UserError, nearest
from effjax.startup import use_compilation_cache, use_huge_pages

USER_MISTAKE, NOT_FINITE, INTERRUPTED = 1, 3, 75

Verb = Callable[[argparse.Namespace], None]


def default_workdir(spec: str) -> Path:
    """runs/<config name>[-<arg>]."""
    path, _, argument = spec.partition(":")
    return Path("runs") / (f"{Path(path).stem}-{argument}" if argument else Path(path).stem)


def train(args: argparse.Namespace) -> None:
    """Train what a config describes, or continue it."""
    from effjax.config import load
    from effjax.report import choose_display
    from effjax.train import RunConfig, train

    config = load(args.config, args.overrides, RunConfig)
    workdir = args.workdir or default_workdir(args.config)
    train(config, workdir, extend=args.extend, display=choose_display(args.quiet))


def evaluate(args: argparse.Namespace) -> None:
    """Evaluate a run's checkpoint on its held-out images."""
    from effjax.evaluate import evaluate_workdir
    from effjax.report import choose_display

    display = choose_display(args.quiet)
    try:
        evaluate_workdir(args.workdir, display, args.step)
    finally:
        display.close()


def models(args: argparse.Namespace) -> None:
    """List the registered models."""
    from effjax.models import list_models
    from effjax.report import choose_display

    names = list_models(args.pattern)
    if not names:
        raise UserError(
            f"no model matches {args.pattern!r}; {nearest(args.pattern, list_models())}"
        )
    for name in names:
        choose_display().line(name)


def doctor(args: argparse.Namespace) -> None:
    """Say what is installed, what it would run on, and what is missing."""
    from effjax.doctor import diagnose
    from effjax.report import choose_display

    display = choose_display()
    rows, problems = diagnose()
    display.table("effjax doctor", rows)
    for problem in problems:
        display.line(f"problem: {problem}")
    if problems:
        raise SystemExit(USER_MISTAKE)
    display.line("all is well")


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are ours: two lines and status 1."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}\nsee: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser("effjax", description="Train efficient image models in JAX.")
    parser.add_argument("--version", action="version", version=f"effjax {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def add(function: Verb, example: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(
            function.__name__,
            help=function.__doc__,
            description=function.__doc__,
            epilog=f"example: {example}",
            allow_abbrev=False,
        )
        verb.set_defaults(function=function)
        verb.add_argument("--debug", action="store_true", help="show tracebacks")
        return verb

    verb = add(train, "effjax train --config=configs/quickstart.py --config.seed=1")
    verb.add_argument("--config", required=True, metavar="F[:ARG]", help="config file")
    verb.add_argument("--workdir", type=Path, help="the run's folder (runs/<config>[-<arg>])")
    verb.add_argument("--extend", action="store_true", help="train a finished run for longer")
    verb.add_argument("--quiet", action="store_true", help="show warnings only")
    verb = add(evaluate, "effjax evaluate --workdir=runs/quickstart")
    verb.add_argument("--workdir", type=Path, required=True, help="a run's folder")
    verb.add_argument("--step", type=int, help="which checkpoint (the newest)")
    verb.add_argument("--quiet", action="store_true", help="show warnings only")
    verb = add(models, "effjax models 'caformer*'")
    verb.add_argument("pattern", nargs="?", default="*", help="shell pattern")
    add(doctor, "effjax doctor")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Arguments of a verb; `--config.key=value` come back as `overrides`.

    Raises:
      UserError: an unknown verb, flag or a missing one.
    """
    overrides = [word for word in argv if word.startswith("--config.")]
    words = [word for word in argv if not word.startswith("--config.")]
    args, unknown = make_parser().parse_known_args(words)
    if unknown:
        raise UserError(
            f"effjax {args.verb}: what is {unknown[0]!r}?\nsee: effjax {args.verb} --help"
        )
    if overrides and not hasattr(args, "config"):
        raise UserError(f"effjax {args.verb} takes no config; got {overrides[0]!r}")
    args.overrides = overrides
    return args


def main(argv: list[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    if argv is None:
        use_huge_pages()
        argv = sys.argv[1:]
    debug = "--debug" in argv
    try:
        args = parse(argv)
        use_compilation_cache()
        args.function(args)
    except (UserError, NonFinite, Preempted) as error:
        if debug:
            raise
        print(f"effjax: {error}", file=sys.stderr)
        status = {NonFinite: NOT_FINITE, Preempted: INTERRUPTED}.get(type(error), USER_MISTAKE)
        raise SystemExit(status) from None
    except KeyboardInterrupt:
        if debug:
            raise
        print("effjax: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
