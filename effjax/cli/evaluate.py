"""Verbs that use trained networks."""

import argparse
import contextlib
from pathlib import Path

from effjax.cli.declare import QUIET, flag, verb
from effjax.errors import UserError


@verb(
    flag("--workdir", type=Path, metavar="D", help="a run's folder"),
    flag("--config", metavar="F[:ARG]", help="config file, for weights without a run"),
    flag("--step", type=int, help="which checkpoint (the newest)"),
    QUIET,
    examples=[
        "effjax evaluate --workdir=runs/quickstart",
        "effjax evaluate --config=configs/imagenet/evaluate.py:caformer_s18.sail_in1k",
    ],
)
def evaluate(args: argparse.Namespace) -> None:
    """Evaluate a run's checkpoint, or published weights, on held-out images."""
    from effjax.config import load
    from effjax.evaluate import evaluate_weights, evaluate_workdir
    from effjax.report import choose_display
    from effjax.train import RunConfig

    if (args.workdir is None) == (args.config is None):
        raise UserError("evaluate what? give --workdir=D, or --config=F for weights without a run")
    with contextlib.closing(choose_display(args.quiet)) as display:
        if args.config is not None:
            evaluate_weights(load(args.config, args.overrides, RunConfig), display)
        else:
            evaluate_workdir(args.workdir, display, args.step)


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
