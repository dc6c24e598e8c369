"""The verb that searches."""

import argparse
import contextlib

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, place, verb


@verb(
    CONFIG,
    flag("--workdir", type=place, metavar="D", help="the run's folder (runs/<config>[-<arg>])"),
    flag("--extend", action="store_true", help="search on in a finished run"),
    flag("--compare", action="store_true", help="train what is found, and others of that cost"),
    flag("--dry-run", action="store_true", help="train nothing, estimate the time"),
    flag("--price", type=float, metavar="P", help="of an hour, for --dry-run"),
    QUIET,
    examples=[
        "effjax search --config=configs/search/kernel_size_digits.py",
        "effjax search --config=configs/search/kernel_size_digits.py:quick --compare",
    ],
)
def search(args: argparse.Namespace) -> None:
    """Learn the kernel sizes of a network under a budget, or go on with it."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.report import choose_display
    from effjax.search.kernel_sizes.compare import compare
    from effjax.search.kernel_sizes.run import search

    workdir = args.workdir or default_workdir(args.config)
    display = choose_display(args.quiet)
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
