"""The verb that searches."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, place, verb
from effjax.errors import UserError

if TYPE_CHECKING:
    import ml_collections

    from effjax.report import Display


@verb(
    # not required: --strategies needs none
    flag(*CONFIG.names, **CONFIG.settings | {"required": False}),
    flag("--workdir", type=place, metavar="D", help="the run's folder (runs/<config>[-<arg>])"),
    flag("--extend", action="store_true", help="search on in a finished run"),
    flag("--compare", action="store_true", help="train what is found, and others of that cost"),
    flag("--strategy", metavar="NAME", help="another one than the config says; list: --strategies"),
    flag("--strategies", action="store_true", help="list the strategies"),
    flag(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the strategy, as population=12",
    ),
    flag("--budget", metavar="UNIT:AMOUNT", help="params, macs, latency or memory, as macs:0.5x"),
    flag("--evaluations", type=int, metavar="N", help="evaluate so many networks"),
    flag("--seed", type=int, metavar="N", help="of the search (config.seed)"),
    flag("--latency-table", metavar="FILE.json", help="of effjax profile, for a budget of latency"),
    flag("--table", metavar="FILE.json", help="look values up in a table, and train nothing"),
    flag("--proxies", nargs="?", const="", metavar="A,B", help="zero-cost scores of one network"),
    flag("--model", metavar="NAME", help="with --proxies: a registered model, on noise"),
    flag("--images", type=int, default=64, metavar="N", help="with --proxies: images (64)"),
    flag("--make-table", action="store_true", help="train networks of a space for a table"),
    flag("--minutes", type=float, metavar="T", help="with --make-table: begin none after so many"),
    flag("--correlate", action="store_true", help="how scores rank the networks of --table"),
    flag("--runner", default="here", help="where networks are trained: here, local or ray"),
    flag("--workers", type=int, default=2, metavar="N", help="processes of --runner=local (2)"),
    flag("--dry-run", action="store_true", help="train nothing, estimate the time"),
    flag("--price", type=float, metavar="P", help="of an hour, for --dry-run"),
    QUIET,
    examples=[
        "effjax search --config=configs/search/kernel_size_digits.py",
        "effjax search --config=configs/search/kernel_size_digits.py:quick --compare",
        "effjax search --config=configs/search/evolution_digits.py --budget=macs:0.5x",
        "effjax search --strategies",
        "effjax search --proxies --config=configs/quickstart.py",
        "effjax search --make-table --config=configs/search/table_cifar10.py --minutes=10",
    ],
)
def search(args: argparse.Namespace) -> None:
    """Search an architecture, or the kernel sizes of one, under a budget; or go on with it."""
    from effjax.report import choose_display

    display = choose_display(args.quiet)
    if args.strategies:
        _list_strategies(display)
        return
    if args.config is not None and (args.correlate or args.model is not None):
        given = "--correlate" if args.correlate else f"--model={args.model}"
        raise UserError(f"{given} and --config both say what is looked at; give one of them")
    if args.correlate:
        _correlate(args, display)
    elif args.proxies is not None and args.model is not None:
        _score_model(args, display)
    elif args.config is None:
        raise UserError(
            "--config is missing: effjax search --config=F; list: effjax configs search"
        )
    else:
        _search_by_config(args, display)


def _list_strategies(display: Display) -> None:
    from effjax.search.registry import list_strategies

    with contextlib.closing(display):
        display.table("", list(list_strategies().items()), ("strategy", "what it does"))


def _score_model(args: argparse.Namespace, display: Display) -> None:
    """Zero-cost scores of a registered model, on noise."""
    from effjax.search.show_scores import scores_of_model

    with contextlib.closing(display):
        scores_of_model(args.model, _names(args.proxies), display, args.images)


def _search_by_config(args: argparse.Namespace, display: Display) -> None:
    """What the config and the flags beside it ask for: scores, a table, or a search."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    if args.proxies is not None:
        from effjax.search.show_scores import scores_of_config

        with contextlib.closing(display):
            scores_of_config(config, _names(args.proxies), display, args.images)
        return
    if args.make_table:
        from effjax.search.make_table import make_table, read_table_settings

        workdir = args.workdir or default_workdir(args.config)
        with contextlib.closing(display):
            make_table(config, read_table_settings(args.config), workdir, display, args.minutes)
        return

    from effjax.search.kernel_sizes.run import is_search

    if is_search(config):
        _search_kernel_sizes(args, config, display)
    else:
        _search_space(args, config, display)


def _names(text: str) -> list[str]:
    """The names of "snip,synflow"; none of ""."""
    return [name for name in text.split(",") if name]


def _correlate(args: argparse.Namespace, display: Display) -> None:
    """How the scores of a table rank its networks."""
    from effjax.search.correlations import show_correlations
    from effjax.search.table import read_table

    path = Path(args.table)
    folder = args.workdir or Path()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(display):
        show_correlations(read_table(path), folder / f"{path.stem}-correlations.png", display)


def _search_kernel_sizes(
    args: argparse.Namespace,
    config: ml_collections.ConfigDict,
    display: Display,
) -> None:
    """The differentiable search, which is a task of its own."""
    given = {
        "--strategy": args.strategy,
        "--set": args.set,
        "--budget": args.budget,
        "--evaluations": args.evaluations,
        "--table": args.table,
        "--latency-table": args.latency_table,
    }
    for name, value in given.items():
        if value:
            raise UserError(
                f"{name} is for searches of a space, and this config learns kernel sizes\n"
                "set keys of config.task; see docs/kernel_search.md"
            )
    from effjax.search.kernel_sizes.compare import compare
    from effjax.search.kernel_sizes.run import search

    workdir = args.workdir or default_workdir(args.config)
    if args.dry_run:
        from effjax.trials.estimate import estimate, show_estimate
        from effjax.trials.trial import RunTrial

        trial = RunTrial(variant="the search", seed=config.seed, config=config, workdir=workdir)
        with contextlib.closing(display):
            show_estimate(estimate([trial], display), display, price=args.price)
        return
    if not args.compare:
        search(config, workdir, args.extend, display)
        return
    # a folder beside it: a comparison holds several runs
    folder = args.workdir or workdir.with_name(f"{workdir.name}-compare")
    with contextlib.closing(display):
        compare(config, folder, display)


def _search_space(
    args: argparse.Namespace,
    config: ml_collections.ConfigDict,
    display: Display,
) -> None:
    """A search of the space that `search()` of the config file returns."""
    from effjax.search.comparison import compare
    from effjax.search.settings import read_search
    from effjax.search.verb import Runner, search

    if args.dry_run or args.extend:
        raise UserError(
            "--dry-run and --extend are for searches of kernel sizes\n"
            "a search of a space goes on with more --evaluations in the same --workdir"
        )
    wanted = read_search(
        args.config,
        strategy=args.strategy,
        options=args.set,
        budget=args.budget,
        evaluations=args.evaluations,
        table=args.table,
        latency_table=args.latency_table,
    )
    workdir = args.workdir or default_workdir(args.config)
    runner = Runner(args.runner, args.workers)
    with contextlib.closing(display):
        if args.compare:
            # a folder beside it: a comparison holds several searches
            folder = args.workdir or workdir.with_name(f"{workdir.name}-compare")
            compare(config, wanted, folder, display, runner)
            return
        search(config, wanted, workdir, display, args.seed, runner)
