"""The verb that makes networks smaller."""

import argparse
import contextlib

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, place, verb


@verb(
    CONFIG,
    flag("--workdir", type=place, metavar="D", help="the run's folder (runs/<config>[-<arg>])"),
    flag("--extend", action="store_true", help="train on in a finished run"),
    flag("--compare", action="store_true", help="train its sanity arms and the dense network too"),
    QUIET,
    examples=[
        "effjax compress --config=configs/compress/prune_digits.py",
        "effjax compress --config=configs/compress/prune_digits.py:quick --compare",
    ],
)
def compress(args: argparse.Namespace) -> None:
    """Prune a network by masks and train it, or go on with it."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.compress.run import compare, compress
    from effjax.report import choose_display

    workdir = args.workdir or default_workdir(args.config)
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        if args.compare:
            # a folder beside it: a comparison holds several runs
            folder = args.workdir or workdir.with_name(f"{workdir.name}-compare")
            compare(config, folder, display)
        else:
            compress(config, workdir, args.extend, display)
