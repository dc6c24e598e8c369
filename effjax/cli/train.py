"""Verbs that train."""

import argparse

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, place, verb


@verb(
    CONFIG,
    flag("--workdir", type=place, metavar="D", help="the run's folder (runs/<config>[-<arg>])"),
    flag(
        "--extend",
        nargs="?",
        const=True,
        default=False,
        choices=("constant", "restart", "cooldown"),
        help="train a run for longer; how the learning rate goes on (as a run of that length)",
    ),
    flag("--continue-from", metavar="RUN", help="start a new run from the state of another one"),
    QUIET,
    flag("--coordinator", metavar="ADDRESS:PORT", help="several hosts: where host 0 listens"),
    flag("--hosts", type=int, metavar="N", help="several hosts: how many train together"),
    flag("--host", type=int, metavar="I", help="several hosts: which one this is, from 0"),
    flag("--join-seconds", type=int, default=300, metavar="S", help="to wait for others (300)"),
    flag("--peer-seconds", type=int, default=100, metavar="S", help="a silent host is dead (100)"),
    examples=[
        "effjax train --config=configs/quickstart.py",
        "effjax train --config=configs/quickstart.py --config.seed=1 --workdir=runs/seed1",
        "effjax train --config=configs/quickstart.py:quick",
    ],
)
def train(args: argparse.Namespace) -> None:
    """Train what a config describes, or continue it."""
    from effjax.runs.given import load_run

    workdir = args.workdir or default_workdir(args.config)
    # first: a wrong config is refused without importing JAX or waiting for the other hosts
    overrides = list(args.overrides)
    if args.continue_from is not None:
        overrides.append(f"--config.continue_from={args.continue_from}")
    config = load_run(args.config, overrides, workdir, bool(args.extend))

    from effjax.devices.join import join_hosts
    from effjax.report import choose_display
    from effjax.tasks.run import train

    # before anything asks JAX for devices: they are those of all hosts from here on
    join_hosts(
        args.coordinator,
        args.hosts,
        args.host,
        args.join_seconds,
        args.peer_seconds,
    )
    display = choose_display(args.quiet)
    train(config, workdir, extend=args.extend, display=display)
