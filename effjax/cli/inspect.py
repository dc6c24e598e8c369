"""Verbs that look: at a config, at where time goes, at what there is, at the machine."""

import argparse
import contextlib
from pathlib import Path

from effjax.cli.declare import CONFIG, default_workdir, flag, verb


@verb(
    CONFIG,
    flag("--batch", action="store_true", help="show the first training batch instead"),
    flag(
        "--find-lr",
        type=int,
        nargs="?",
        const=100,
        metavar="N",
        help="train N updates with a rising learning rate and say which one to take (100)",
    ),
    flag(
        "--find-batch",
        type=float,
        nargs="?",
        const=0.0,
        metavar="GB",
        help="say which batch size fits into a device's memory (what it has, or GB)",
    ),
    flag("--devices", type=int, metavar="N", help="as on N devices, pretended if need be"),
    flag("--topology", metavar="T", help="as on a TPU slice, such as v5e:4x4 (needs libtpu)"),
    flag(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="draw the learning rates, with --batch the images, with --find-lr the losses",
    ),
    examples=[
        "effjax show --config=configs/quickstart.py",
        "effjax show --config=configs/quickstart.py --batch --plot=batch.png",
        "effjax show --config=configs/quickstart.py --find-lr --plot=find_lr.png",
        "effjax show --config=configs/quickstart.py --devices=8 --config.parallel.fsdp=8",
    ],
)
def show(args: argparse.Namespace) -> None:
    """Show what a config means: values, parameters, schedule, multiply-adds, memory."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.inspect.memory import imagine_topology, pretend_devices
    from effjax.inspect.show import show
    from effjax.inspect.show_batch import show_batch
    from effjax.report import choose_display

    if args.devices is not None:
        # before anything is computed: it starts JAX's backend anew
        pretend_devices(args.devices)
        config.parallel.devices = args.devices
    devices = None
    if args.topology:
        devices = imagine_topology(args.topology)
    with contextlib.closing(choose_display()) as display:
        if args.find_lr is not None:
            # here, as only this flag trains
            from effjax.inspect.find_rate import show_rate_test

            show_rate_test(config, display, args.find_lr, args.plot)
        elif args.find_batch is not None:
            from effjax.inspect.find_batch import show_largest_batch

            show_largest_batch(config, display, args.find_batch or None)
        elif args.batch:
            show_batch(config, display, args.plot)
        else:
            show(config, display, args.plot, devices)


@verb(
    CONFIG,
    flag("--out", type=Path, help="folder of the trace (runs/<config>/profile)"),
    flag("--steps", type=int, default=5, help="steps to trace (5)"),
    flag("--rows", type=int, default=20, help="operations in the table (20)"),
    flag(
        "--latency-table",
        type=Path,
        metavar="OUT.json",
        help="measure what a search's config may choose from instead",
    ),
    examples=[
        "effjax profile --config=configs/quickstart.py --rows=30",
        "effjax profile --config=configs/search/kernel_size_digits.py --latency-table=OUT.json",
    ],
)
def profile(args: argparse.Namespace) -> None:
    """Trace a few training steps and show where their time goes."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.inspect.profile import profile
    from effjax.report import choose_display

    out = args.out or default_workdir(args.config) / "profile"
    with contextlib.closing(choose_display()) as display:
        if args.latency_table is not None:
            # here, as only this flag needs the room of the search
            from effjax.search.kernel_sizes.measure import measure_table
            from effjax.search.kernel_sizes.run import is_search
            from effjax.search.measure import measure_space
            from effjax.search.settings import read_search

            if is_search(config):
                measure_table(config, args.latency_table, display)
            else:
                measure_space(config, read_search(args.config), args.latency_table, display)
            return
        profile(config, out, display, args.steps, args.rows)


@verb(
    flag("place", nargs="?", metavar="DIR|NAME", help="where to look (configs), or one of them"),
    examples=["effjax configs", "effjax configs imagenet/caformer"],
)
def configs(args: argparse.Namespace) -> None:
    """List the config files that there are, or say all of one."""
    from effjax.config.config_files import find_config
    from effjax.inspect.listing import config_folder, config_lines, config_text
    from effjax.report import choose_display
    from effjax.report.tables import terminal_width

    display = choose_display()
    place = Path(args.place) if args.place else config_folder()
    if args.place and not place.is_dir():
        lines = config_text(find_config(args.place))
    else:
        lines = config_lines(place, terminal_width())
        lines += [
            "",
            f"in {place}; all of one: effjax configs NAME or FOLDER; to use it: --config=NAME",
        ]
    for line in lines:
        display.line(line)


@verb(
    flag("pattern", nargs="?", default="*", help="shell pattern"),
    examples=["effjax models", "effjax models 'caformer*'", "effjax models 'resnet50.*'"],
)
def models(args: argparse.Namespace) -> None:
    """List the registered models; a few of them with sizes and published weights."""
    from effjax.inspect.listing import COUNTED, model_rows, weights_rows
    from effjax.report import choose_display

    display = choose_display()
    with contextlib.closing(display):
        display.waiting("counting")
        header, rows = model_rows(args.pattern)
        display.table("", rows, header, right=range(1, len(header) - 1))
        weights = []
        if len(rows) <= COUNTED:  # of all models they would fill several screens
            weights = weights_rows(args.pattern)
        if weights:
            header = ("weights", "published top-1", "input", "classes", "licence", "source")
            display.table("published weights", weights, header, right=(1, 2, 3))


@verb(
    flag("name", nargs="?", help="one of them, in full"),
    examples=["effjax optimizers", "effjax optimizers adan"],
)
def optimizers(args: argparse.Namespace) -> None:
    """List the optimizers, or say all of one: hyperparameters, state, paper."""
    from effjax.inspect.listing import optimizer_details, optimizer_rows
    from effjax.report import choose_display

    display = choose_display()
    if args.name:
        display.table(args.name, optimizer_details(args.name))
    else:
        header = ("optimizer", "from", "what it is")
        display.table("", optimizer_rows(), header)


@verb(examples=["effjax doctor"])
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
        raise SystemExit(1)  # so that a script can ask whether all is well
    display.line("all is well")
