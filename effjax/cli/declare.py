"""How a verb declares itself: its flags, examples of its use, and the function that it runs.

    @verb(CONFIG, flag("--steps", type=int, help="how many"), examples=["effjax walk --config=F"])
    def walk(args: argparse.Namespace) -> None:
        \"\"\"Walk through a config.\"\"\"

The function's name is the verb, its docstring the help; it imports what it needs when it runs, so
that `effjax --help` stays quick.
"""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from effjax.errors import UserError
from effjax.version import VERSION

Run = Callable[[argparse.Namespace], None]


@dataclasses.dataclass(frozen=True)
class Flag:
    """One argument of a verb, as `ArgumentParser.add_argument` takes it."""

    names: tuple[str, ...]
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Verb:
    """One verb: what it runs, what it takes, how it is typed."""

    run: Run
    flags: tuple[Flag, ...]
    examples: tuple[str, ...]


VERBS: dict[str, Verb] = {}  # in the order of `effjax --help`


def flag(*names: str, **settings: Any) -> Flag:
    """An argument of a verb, as `ArgumentParser.add_argument` takes it."""
    return Flag(names, settings)


def place(text: str) -> Path:
    """A folder, here or in a bucket, as the type of a flag.

    Raises:
      argparse.ArgumentTypeError: no such kind of place.
    """
    if "://" not in text and not text.startswith("gs:"):
        return Path(text)  # most are, and nothing needs to be imported
    from effjax.config import as_path

    try:
        return as_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def checkpoint(text: str) -> int | str:
    """Which checkpoint of a run, as the type of a flag: its step, "best", or "average:5".

    Raises:
      argparse.ArgumentTypeError: neither.
    """
    if text == "best" or text.startswith("average:"):
        return text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"expected the step of a checkpoint, best, or average:N; got {text!r}"
        )
    return int(text)


CONFIG = flag(
    "--config",
    required=True,
    metavar="F[:ARG]",
    help="config file; --config.key=value changes an entry",
)
QUIET = flag("--quiet", action="store_true", help="show warnings only")
# a run's folder, at one of its checkpoints
RUN_AT_STEP = (
    flag("--workdir", type=place, metavar="D", help="a run's folder, or D:best"),
    flag(
        "--step",
        type=checkpoint,
        metavar="N",
        help="checkpoint: N, best, average:N (the newest)",
    ),
)
# which network: a run's folder, or an architecture with its weights
NETWORK = (
    *RUN_AT_STEP,
    flag("--model", metavar="M", help="or an architecture, or published weights"),
    flag("--weights", metavar="F", help="its weights: .safetensors, .pth or hub:..."),
    flag("--labels", type=Path, metavar="FILE", help="class names, one a line"),
    flag("--size", type=int, metavar="N", help="side of the images (as published)"),
)
RESULTS_ONLY = flag("--quiet", action="store_true", help="show results and warnings only")
NO_PLUGINS = flag("--no-plugins", action="store_true", help="refuse code named package.module:Name")
DEBUG = flag("--debug", action="store_true", help="show tracebacks")


def verb(*flags: Flag, examples: Sequence[str]) -> Callable[[Run], Run]:
    """Makes the decorated function a verb of the command line."""

    def add(run: Run) -> Run:
        VERBS[run.__name__] = Verb(run, (*flags, NO_PLUGINS, DEBUG), tuple(examples))
        return run

    return add


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are ours: two lines and status 1."""

    def error(self, message: str) -> NoReturn:
        # argparse's words, made those of this program
        message = message.removeprefix("argument ")
        message = message.replace("VERB: invalid choice", "unknown verb")
        raise UserError(f"{message}\nsee: {self.prog} --help")


def _formatter(prog: str) -> argparse.HelpFormatter:
    # raw: the examples keep their lines
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=20)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser(
        "effjax",
        description="Train efficient image models in JAX.",
        epilog="examples of a verb: effjax VERB --help",
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action="version", version=f"effjax {VERSION}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in VERBS.items():
        child = verbs.add_parser(
            name,
            help=verb.run.__doc__,
            description=verb.run.__doc__,
            epilog=_listed(verb.examples),
            formatter_class=_formatter,
            # "--re" for "--report" would break as soon as there is a "--retry"
            allow_abbrev=False,
        )
        child.set_defaults(function=verb.run)
        for argument in verb.flags:
            child.add_argument(*argument.names, **argument.settings)
    return parser


def _listed(examples: Sequence[str]) -> str:
    lines = ["examples:"]
    for example in examples:
        lines.append(f"  {example}")
    return "\n".join(lines)


def load_network(args: argparse.Namespace, display: Any) -> Any:
    """The `Trained` that the flags NETWORK name.

    Raises:
      UserError: none of them.
    """
    from effjax.trained.load import from_weights, from_workdir

    what = args.workdir or args.model or args.weights
    if what:  # else the functions below say what is missing
        display.waiting(f"loading {what}")
    if args.workdir is not None:
        network = getattr(args, "network", None)
        return from_workdir(args.workdir, display, args.step, network)
    return from_weights(args.model, args.weights, args.labels, args.size)


def default_workdir(spec: str) -> Path:
    """runs/<config name>[-<arg>]."""
    path, _, argument = spec.partition(":")
    name = Path(path).stem
    if argument:  # variants of one config are runs of their own
        # a word may be a path, such as that of a run to start from
        name += "-" + argument.replace("/", "-").replace(":", "-")
    return Path("runs") / name
