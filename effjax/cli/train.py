"""Verbs that train."""

import argparse
from pathlib import Path

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, verb


@verb(
    CONFIG,
    flag("--workdir", type=Path, metavar="D", help="the run's folder (runs/<config>[-<arg>])"),
    flag("--extend", action="store_true", help="train a finished run for longer"),
    QUIET,
    examples=[
        "effjax train --config=configs/quickstart.py",
        "effjax train --config=configs/quickstart.py --config.seed=1 --workdir=runs/seed1",
        "effjax train --config=configs/quickstart.py:quick",
    ],
)
def train(args: argparse.Namespace) -> None:
    """Train what a config describes, or continue it."""
    from effjax.config import load
    from effjax.report import choose_display
    from effjax.train import RunConfig, train

    config = load(args.config, args.overrides, RunConfig)
    workdir = args.workdir or default_workdir(args.config)
    train(config, workdir, extend=args.extend, display=choose_display(args.quiet))
