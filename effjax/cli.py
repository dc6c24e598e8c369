"""The command line: verbs -> functions, nothing else.

Exit status: 0 done; 1 a user's mistake; 3 an update was not finite; 75 interrupted and saved.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from effjax import __version__
from effjax.errors import NonFinite, Preempted, UserError, nearest
from effjax.startup import use_compilation_cache, use_huge_pages

USER_MISTAKE, NOT_FINITE, INTERRUPTED = 1, 3, 75

Verb = Callable[[argparse.Namespace], None]
_INTERNAL = ("function", "verb")  # what a parsed command holds beside its flags


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


def show(args: argparse.Namespace) -> None:
    """Show what a config means: values, parameters, schedule, multiply-adds, memory."""
    from effjax.config import load
    from effjax.inspect.show import pretend_devices, show, show_batch
    from effjax.report import choose_display
    from effjax.train import RunConfig

    config = load(args.config, args.overrides, RunConfig)
    if args.devices is not None:
        pretend_devices(args.devices)
        config.parallel.devices = args.devices
    with contextlib.closing(choose_display()) as display:
        if args.batch:
            show_batch(config, display, args.plot)
        else:
            show(config, display, args.plot)


def profile(args: argparse.Namespace) -> None:
    """Trace a few training steps and show where their time goes."""
    from effjax.config import load
    from effjax.inspect.profile import profile
    from effjax.report import choose_display
    from effjax.train import RunConfig

    config = load(args.config, args.overrides, RunConfig)
    out = args.out or default_workdir(args.config) / "profile"
    with contextlib.closing(choose_display()) as display:
        profile(config, out, display, args.steps, args.rows)


def compare(args: argparse.Namespace) -> None:
    """Compare runs: one picture, one table."""
    from effjax.evaluate import compare_workdirs
    from effjax.report import choose_display

    compare_workdirs(args.workdirs, args.out, choose_display())


def configs(args: argparse.Namespace) -> None:
    """List the config files, what each trains and the words it takes after a colon."""
    from effjax.inspect.listing import config_folder, config_rows
    from effjax.report import choose_display

    rows = config_rows(args.folder or config_folder())
    choose_display().table("", rows, ("config", "args", "what it trains"))


def models(args: argparse.Namespace) -> None:
    """List the registered models, with sizes where they are few."""
    from effjax.inspect.listing import model_rows
    from effjax.report import choose_display

    header, rows = model_rows(args.pattern)
    choose_display().table("", rows, header, right=range(1, len(header) - 1))


def optimizers(args: argparse.Namespace) -> None:
    """List the optimizers, or say all of one: hyperparameters, state, paper."""
    from effjax.inspect.listing import optimizer_details, optimizer_rows
    from effjax.report import choose_display

    if args.name:
        choose_display().table(args.name, optimizer_details(args.name))
    else:
        choose_display().table("", optimizer_rows(), ("optimizer", "from", "what it is"))


def data(args: argparse.Namespace) -> None:
    """Prepare images as ArrayRecord, or check what is in them."""
    from effjax.data.check import check
    from effjax.data.prepare import prepare, prepare_local
    from effjax.report import choose_display

    with contextlib.closing(choose_display()) as display:
        display.waiting(f"reading {args.source}")
        if args.action == "check":
            display.line(str(check(args.source)))
            return
        if args.manual_dir is not None:
            counts, where = prepare_local(args.source, args.manual_dir, args.out), args.source
        elif args.out is None:
            raise UserError("data prepare writes somewhere; give --out=DIR")
        else:
            choices = args.short_side, args.val_share, args.split_seed, args.skip_broken
            counts, where = prepare(args.source, args.out, *choices), args.out
        rows = [(split, f"{count:,} images") for split, count in counts.items()]
        display.table("prepared", [*rows, ("train on it", f"--config.data.name={where}")])


def convert(args: argparse.Namespace) -> None:
    """Turn a weights file of timm or the authors into one with timm's names, checked."""
    from effjax.models.weights import rewrite
    from effjax.report import choose_display

    count = rewrite(args.source, args.out, args.model)
    choose_display().line(f"{args.out}: {count} tensors of {args.model}, with timm's names")


def doctor(args: argparse.Namespace) -> None:
    """Say what is installed, what it would run on, and what is missing."""
    from effjax.inspect.doctor import diagnose
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
        message = message.removeprefix("argument ").replace("VERB: invalid choice", "unknown verb")
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
    verb = add(show, "effjax show --config=configs/quickstart.py")
    verb.add_argument("--config", required=True, metavar="F[:ARG]", help="config file")
    verb.add_argument("--batch", action="store_true", help="show the first training batch instead")
    verb.add_argument(
        "--devices", type=int, metavar="N", help="as on N devices, pretended if need be"
    )
    verb.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="draw the learning rates, or with --batch the images",
    )
    verb = add(profile, "effjax profile --config=configs/quickstart.py --rows=30")
    verb.add_argument("--config", required=True, metavar="F[:ARG]", help="config file")
    verb.add_argument("--out", type=Path, help="folder of the trace (runs/<config>/profile)")
    verb.add_argument("--steps", type=int, default=5, help="steps to trace (5)")
    verb.add_argument("--rows", type=int, default=20, help="operations in the table (20)")
    verb = add(compare, "effjax compare runs/seed0 runs/seed1 --out=seeds.png")
    verb.add_argument("workdirs", type=Path, nargs="+", metavar="RUN", help="runs' folders")
    verb.add_argument(
        "--out", type=Path, default=Path("compare.png"), help="the picture (%(default)s)"
    )
    verb = add(configs, "effjax configs")
    verb.add_argument("folder", type=Path, nargs="?", help="where to look (configs)")
    verb = add(models, "effjax models 'caformer*'")
    verb.add_argument("pattern", nargs="?", default="*", help="shell pattern")
    verb = add(optimizers, "effjax optimizers adan")
    verb.add_argument("name", nargs="?", help="one of them, in full")
    verb = add(data, "effjax data prepare photos/ --out=prepared/photos --short-side=256")
    verb.add_argument("action", choices=("prepare", "check"))
    verb.add_argument("source", help="folder, zip, tar, .npz, TFDS name or directory")
    verb.add_argument("--out", help="folder to write")
    verb.add_argument("--manual-dir", help="folder with the files of one of our own data sets")
    verb.add_argument("--short-side", type=int, help="make larger images this small")
    verb.add_argument("--val-share", type=float, default=0.1, help="where there is no split (0.1)")
    verb.add_argument("--split-seed", type=int, default=0, help="of that division (0)")
    verb.add_argument("--skip-broken", action="store_true", help="leave out what cannot be decoded")
    verb = add(convert, "effjax convert weights.pth weights.safetensors --model=caformer_s18")
    verb.add_argument("source", help=".safetensors or .pth")
    verb.add_argument("out", type=Path, help=".safetensors")
    verb.add_argument("--model", required=True, help="a registered architecture")
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
        word, flags = unknown[0], [f"--{name}" for name in vars(args) if name not in _INTERNAL]
        raise UserError(
            f"{args.verb} has no {word!r}; {nearest(word.partition('=')[0], flags)}\n"
            f"see: effjax {args.verb} --help"
        )
    if overrides and not hasattr(args, "config"):
        raise UserError(f"{args.verb} takes no config; got {overrides[0]!r}")
    args.overrides = overrides
    return args


def main(argv: list[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    if argv is None:
        use_huge_pages()
        sys.stdout.reconfigure(errors="replace")  # an old terminal shows "?" for a bar
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
    except BrokenPipeError:  # `effjax models | head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        if debug:
            raise
        print("effjax: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
