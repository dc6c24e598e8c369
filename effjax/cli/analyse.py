"""The verb that looks at what an optimizer has found."""

import argparse
import contextlib
import dataclasses
import math
from pathlib import Path

from effjax.cli.declare import RESULTS_ONLY, RUN_AT_STEP, flag, place, verb
from effjax.errors import UserError


@verb(
    flag("runs", type=place, nargs="*", metavar="RUN", help="runs' folders, side by side"),
    *RUN_AT_STEP,
    flag("--what", metavar="A,B", help="curvature,sharpness,slices,noise,gap,stability"),
    flag("--at-loss", type=float, metavar="L", help="or the first with this training loss"),
    flag("--full", action="store_true", help="a thorough look, about six times as long"),
    flag("--examples", type=int, metavar="N", help="training examples (128; --full: 500)"),
    flag("--batches", type=int, metavar="N", help="minibatches of noise (32; --full: 100)"),
    flag("--steps", type=int, metavar="N", help="of Lanczos' iteration (8; --full: 20)"),
    flag("--draws", type=int, metavar="N", help="of a trace and a density (2; --full: 4)"),
    flag("--points", type=int, metavar="N", help="of a slice (11; --full: 21)"),
    flag("--updates", type=int, metavar="N", help="of stability (100)"),
    flag("--seed", type=int, default=0, metavar="S", help="of all that is drawn (0)"),
    flag("--out", type=Path, metavar="DIR", help="pictures, numbers (D/analysis, or analysis)"),
    RESULTS_ONLY,
    examples=[
        "effjax analyse --workdir=runs/quickstart",
        "effjax analyse --workdir=runs/quickstart --full",
        "effjax analyse runs/adan runs/sam --what=curvature,gap --at-loss=0.6",
        "effjax analyse runs/adan --what=stability --updates=50",
    ],
)
def analyse(args: argparse.Namespace) -> None:
    """Look at what an optimizer found: curvature, slices, gradient noise, stability."""
    from effjax.analyse.face import analyse
    from effjax.analyse.settings import FULL, Settings
    from effjax.report import choose_display

    runs = list(args.runs)
    if args.workdir is not None:
        runs.append(args.workdir)
    if not runs:
        raise UserError(
            "analyse which run? give --workdir=D, or several folders\n"
            "train one: effjax train --config=configs/quickstart.py"
        )
    counts = {}
    for name in ("examples", "batches", "steps", "draws", "points", "updates"):
        value = getattr(args, name)
        if value is None:
            continue
        if value < 1:
            raise UserError(f"--{name}={value} is not above 0; leave it out for the usual number")
        counts[name] = value
    if args.seed < 0:
        raise UserError(f"--seed={args.seed} is below 0; give 0 or more")
    if args.at_loss is not None and math.isnan(args.at_loss):
        raise UserError("--at-loss=nan is no loss; give a number such as 0.6")
    usual = FULL if args.full else Settings()
    settings = dataclasses.replace(usual, seed=args.seed, **counts)
    what = tuple(args.what.split(",")) if args.what else ()
    with contextlib.closing(choose_display(args.quiet, results=True)) as display:
        analyse(runs, display, what, settings, args.out, args.step, args.at_loss)
