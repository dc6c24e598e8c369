"""Verbs that use trained networks."""

import argparse
from pathlib import Path

from effjax.cli.declare import QUIET, WORKDIR, flag, verb


@verb(
    WORKDIR,
    flag("--step", type=int, help="which checkpoint (the newest)"),
    QUIET,
    examples=["effjax evaluate --workdir=runs/quickstart"],
)
def evaluate(args: argparse.Namespace) -> None:
    """Evaluate a run's checkpoint on its held-out images."""
    from effjax.evaluate import evaluate_workdir
    from effjax.report import choose_display

    display = choose_display(args.quiet)
    try:
        evaluate_workdir(args.workdir, display, args.step)
    finally:
        display.close()


@verb(
    flag("workdirs", type=Path, nargs="+", metavar="RUN", help="runs' folders"),
    flag("--out", type=Path, default=Path("compare.png"), help="the picture (%(default)s)"),
    examples=["effjax compare runs/seed0 runs/seed1 --out=seeds.png"],
)
def compare(args: argparse.Namespace) -> None:
    """Compare runs: one picture, one table."""
    from effjax.evaluate import compare_workdirs
    from effjax.report import choose_display

    compare_workdirs(args.workdirs, args.out, choose_display())
