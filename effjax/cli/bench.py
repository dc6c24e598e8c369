"""Verbs that compare many runs: optimizers, and the variants of a config."""

import argparse
from pathlib import Path

from effjax.cli.declare import CONFIG, QUIET, default_workdir, flag, verb


@verb(
    CONFIG,
    flag("--workdir", type=Path, metavar="D", help="rows and report (runs/bench-<config>)"),
    flag("--only", metavar="NAME,NAME", help="train these optimizers alone"),
    flag("--baseline", action="append", default=[], metavar="D", help="compare with rows of D"),
    flag("--merge", type=Path, action="append", default=[], metavar="D", help="add the rows of D"),
    flag("--report", action="store_true", help="train nothing, write the report again"),
    flag("--check", action="store_true", help="train some trials again: are they the same?"),
    flag("--dry-run", action="store_true", help="train nothing, estimate the time"),
    flag("--price", type=float, metavar="P", help="of an hour, for --dry-run"),
    flag("--make-targets", type=Path, metavar="F.json", help="write the targets the rows give"),
    QUIET,
    examples=[
        "effjax bench --config=configs/bench/smoke.py",
        "effjax bench --config=configs/bench/smoke.py --only=adan "
        "--baseline=configs/bench/baselines/smoke",
        "effjax bench --config=configs/bench/smoke.py --dry-run",
        "effjax bench --config=configs/bench/cpu.py --config.data_dir=FOLDER",
    ],
)
def bench(args: argparse.Namespace) -> None:
    """Compare optimizers: the same workloads, tuning and seeds for all, and a report."""
    from effjax.bench import BenchConfig, bench
    from effjax.config import load
    from effjax.report import choose_display
    from effjax.startup import split_cpu

    # before JAX starts: the number of CPU devices cannot be changed later
    split_cpu()
    config = load(args.config, args.overrides, BenchConfig)
    config.baselines = (*config.baselines, *args.baseline)
    name = default_workdir(args.config).name
    workdir = args.workdir or Path("runs") / f"bench-{name}"
    only = ()  # all
    if args.only:
        only = args.only.split(",")
    bench(
        config,
        workdir,
        merge=args.merge,
        only=only,
        only_report=args.report,
        again=args.check,
        make_targets=args.make_targets,
        dry_run=args.dry_run,
        price=args.price,
        display=choose_display(args.quiet),
    )


@verb(
    CONFIG,
    flag("--workdir", type=Path, metavar="D", help="runs and report (runs/sweep-<config>[-<arg>])"),
    flag("--runner", default="here", metavar="R", help="here, local (processes) or ray (here)"),
    flag("--workers", type=int, default=2, metavar="N", help="processes of --runner=local (2)"),
    flag("--retry", action="store_true", help="try again what failed"),
    flag("--report", action="store_true", help="train nothing, write the report again"),
    flag("--metric", metavar="M", help="compare this, such as val/top5 (the config's)"),
    flag("--dry-run", action="store_true", help="train nothing, estimate the time"),
    flag("--price", type=float, metavar="P", help="of an hour, for --dry-run"),
    flag("--address", metavar="A", help="ray: of a running cluster, such as auto"),
    flag("--scheduler", default="none", metavar="S", help="ray: none or asha (none)"),
    flag("--search", default="none", metavar="S", help="choose variants: none or optuna (none)"),
    flag("--cpus", type=float, default=1.0, metavar="N", help="ray: cores of a run (1)"),
    flag("--gpus", type=float, default=0.0, metavar="N", help="ray: GPUs of a run (0)"),
    QUIET,
    examples=[
        "effjax sweep --config=configs/ablations/mixers.py:quick",
        "effjax sweep --config=configs/ablations/norms.py --dry-run --price=2.50",
        "effjax sweep --config=configs/ablations/norms.py --runner=local --workers=2",
        "effjax sweep --config=configs/ablations/norms.py --report --metric=val/loss",
        "effjax sweep --config=configs/ablations/scales.py --runner=ray --scheduler=asha",
        "effjax sweep --config=configs/ablations/rates.py --search=optuna",
    ],
)
def sweep(args: argparse.Namespace) -> None:
    """Train the variants of a config: one table with paired differences over seeds."""
    from effjax.report import choose_display
    from effjax.sweep import sweep

    name = default_workdir(args.config).name
    workdir = args.workdir or Path("runs") / f"sweep-{name}"
    # the config is not loaded here: each variant loads it with overrides of its own
    sweep(
        args.config,
        workdir,
        overrides=args.overrides,
        runner=args.runner,
        workers=args.workers,
        retry=args.retry,
        only_report=args.report,
        search=args.search,
        metric=args.metric,
        dry_run=args.dry_run,
        price=args.price,
        ray={
            "address": args.address,
            "scheduler": args.scheduler,
            "cpus": args.cpus,
            "gpus": args.gpus,
        },
        display=choose_display(args.quiet),
    )
