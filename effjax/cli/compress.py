"""The verb that makes networks smaller."""

import argparse
import contextlib

from effjax.cli.declare import QUIET, default_workdir, flag, place, verb

# how much each layer keeps: as channels compare among all, equal shares, or as an agent finds
RATIOS = ("global", "layer", "search")
IMPORTANCE = "l2"


@verb(
    flag("--config", metavar="F", help="a config that makes smaller; path.py[:arg]"),
    flag(
        "--workdir",
        type=place,
        metavar="D",
        help="the run's folder; of --budget and --bits a trained one",
    ),
    flag("--extend", action="store_true", help="train on in a finished run"),
    flag("--compare", action="store_true", help="train what it has to beat too"),
    flag("--seeds", type=int, metavar="N", help="of --compare (3)"),
    flag("--budget", metavar="B", help="cut a trained run to macs:0.5x, params:..., latency:..."),
    flag("--choose-space", metavar="B", help="which widths and size to make elastic: memory:64KB"),
    flag("--intervals", type=int, metavar="K", help="divide a flow's times among K smaller copies"),
    flag("--importance", metavar="I", help="which channels matter (l2), or blocks"),
    flag("--steer", type=float, metavar="W", help="of isp and ddnp: look where the original looks"),
    flag("--refit", action="store_true", help="fit cut layers to what they gave before"),
    flag("--ratios", choices=RATIOS, help="of layers: compared, equal, or searched"),
    flag("--evaluations", type=int, metavar="N", help="of --ratios=search (200)"),
    flag("--bits", metavar="N", help="fewer bits for a trained run: 8, 4, or 4,8 under --budget"),
    flag("--activations", type=int, metavar="N", help="of --bits: of activations (8)"),
    flag("--layer-bits", metavar="R=N", help="of --bits: of some layers, 'stem|head=8'"),
    flag("--latency-table", type=place, metavar="T", help="of --bits: ms of layers, as JSON"),
    flag("--out", type=place, metavar="O", help="where it goes (D-narrow, D-8bit)"),
    QUIET,
    examples=[
        "effjax compress --config=configs/compress/prune_digits.py",
        "effjax compress --config=configs/compress/prune_digits.py:quick --compare",
        "effjax compress --workdir=runs/quickstart --budget=macs:0.5x",
        "effjax compress --workdir=runs/quickstart --budget=macs:0.5x --ratios=search",
        "effjax compress --config=configs/compress/narrow_cifar10.py --budget=macs:0.25x,macs:0.5x "
        "--compare",
        "effjax compress --config=configs/compress/once_for_all_digits.py",
        "effjax compress --config=configs/compress/once_for_all_digits.py --budget=macs:0.3x "
        "--compare",
        "effjax compress --workdir=runs/digits --intervals=3 --budget=macs:0.7x --out=experts",
        "effjax compress --workdir=runs/quickstart --bits=8",
        "effjax compress --workdir=runs/quickstart --bits=4,8 --budget=size:0.2x",
    ],
)
def compress(args: argparse.Namespace) -> None:
    """Prune a network by masks and train it, cut a trained one to a budget, or take its bits."""
    if args.choose_space is not None:
        _choose_space(args)
    elif args.bits is not None:
        _require_run(args, "--bits quantises", "--bits=8")
        _quantise(args)
    elif args.budget is not None and args.compare:
        _compare_cuts(args)
    elif args.budget is not None:
        _require_run(args, "--budget cuts", "--budget=macs:0.5x")
        if args.intervals is not None:
            _divide(args)
        else:
            _narrow(args)
    else:
        _train(args)


def _require_run(args: argparse.Namespace, does: str, example: str) -> None:
    """Refuses a flag of trained networks beside a config, or without a run."""
    from effjax.errors import UserError

    if args.workdir is None or args.config is not None:
        raise UserError(
            f"{does} the network of a run\n"
            f"give --workdir=D and no --config: effjax compress --workdir=D {example}"
        )


def _train(args: argparse.Namespace) -> None:
    """Prunes by masks and trains, or trains an elastic network, as the config says."""
    from effjax.errors import UserError

    if args.config is None:
        raise UserError(
            "give --config=F to prune by masks, or a trained run and what it may have:\n"
            "--workdir=D --budget=macs:0.5x, or --workdir=D --bits=8"
        )
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.compress.elastic.run import is_elastic, train_elastic
    from effjax.compress.run import SEEDS, compare, compress
    from effjax.report import choose_display

    workdir = args.workdir or default_workdir(args.config)
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        if is_elastic(config):
            _refuse_compare(args)
            train_elastic(config, workdir, args.extend, display)
        elif args.compare:
            # a folder beside it: a comparison holds several runs
            folder = args.workdir or workdir.with_name(f"{workdir.name}-compare")
            compare(config, folder, display, SEEDS if args.seeds is None else args.seeds)
        else:
            compress(config, workdir, args.extend, display)


def _refuse_compare(args: argparse.Namespace) -> None:
    from effjax.errors import UserError

    if args.compare:
        raise UserError(
            "--compare of an elastic network needs the sizes of what is cut out\n"
            f"effjax compress --config={args.config} --compare --budget=macs:0.3x,macs:0.5x"
        )


def _refuse_cutting(args: argparse.Namespace) -> None:
    """Of an elastic network a budget alone finds a sub-network, which has its weights already."""
    from effjax.errors import UserError

    given = {
        "importance": args.importance,
        "ratios": args.ratios,
        "refit": args.refit or None,
        "steer": args.steer,
    }
    for name, value in given.items():
        if value is not None:
            raise UserError(
                f"--{name} says how channels are cut; a sub-network of an elastic network is found "
                "by --budget alone; leave it out"
            )


def _narrow(args: argparse.Namespace) -> None:
    from effjax.compress.cut import narrow_run
    from effjax.compress.elastic.run import is_elastic_run
    from effjax.report import choose_display

    if is_elastic_run(args.workdir):
        _refuse_cutting(args)
        _specialise(args)
        return
    importance = args.importance or IMPORTANCE
    out = args.out or args.workdir.with_name(f"{args.workdir.name}-narrow")
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        if args.ratios == "search":
            from effjax.compress.ratios import EVALUATIONS
            from effjax.compress.search_cut import search_cut

            evaluations = EVALUATIONS if args.evaluations is None else args.evaluations
            search_cut(args.workdir, out, args.budget, importance, evaluations, display)
            return
        scope = args.ratios or "global"
        narrow_run(
            args.workdir, out, args.budget, importance, display, args.refit, scope, args.steer
        )


def _choose_space(args: argparse.Namespace) -> None:
    """Which widths and which resolution to make elastic under a limit of memory."""
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.compress.elastic.choose_space import choose_space
    from effjax.compress.elastic.run import check_is_elastic
    from effjax.report import choose_display
    from effjax.search.options import read_budget

    check_is_elastic(config)
    workdir = args.workdir or default_workdir(args.config)
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        choose_space(config, read_budget(args.choose_space), workdir, display)


def _specialise(args: argparse.Namespace) -> None:
    """Cuts a sub-network out of an elastic network."""
    from effjax.compress.elastic.specialise import specialise
    from effjax.report import choose_display
    from effjax.search.options import read_budget

    budget = read_budget(args.budget)
    name = args.budget.replace(":", "-").replace(" ", "")
    out = args.out or args.workdir.with_name(f"{args.workdir.name}-{name}")
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        specialise(args.workdir, budget, out, display)


def _divide(args: argparse.Namespace) -> None:
    from effjax.compress.generators.find_experts import find_experts
    from effjax.report import choose_display

    out = args.out or args.workdir.with_name(f"{args.workdir.name}-experts")
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        find_experts(args.workdir, out, args.intervals, args.budget, display)


def _compare_cuts(args: argparse.Namespace) -> None:
    from effjax.errors import UserError

    if args.config is None:
        raise UserError(
            "--budget with --compare trains networks: give the config too\n"
            "effjax compress --config=F --budget=macs:0.5x --compare"
        )
    seeds = 3 if args.seeds is None else args.seeds
    if seeds < 1:
        raise UserError(f"--seeds={seeds}: give 1 or more")
    from effjax.runs.given import load_run

    config = load_run(args.config, args.overrides)

    from effjax.compress.compare_cuts import compare_cuts
    from effjax.compress.cut import check_method
    from effjax.compress.elastic.compare import compare_children
    from effjax.compress.elastic.run import is_elastic
    from effjax.compress.narrow import read_budget
    from effjax.report import choose_display

    importance = args.importance or IMPORTANCE
    check_method(importance)
    if is_elastic(config):
        _refuse_cutting(args)
    budgets = args.budget.split(",")
    for budget in budgets:
        read_budget(budget)  # refused before anything is trained
    default = default_workdir(args.config)
    folder = args.workdir or default.with_name(f"{default.name}-compare")
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        if is_elastic(config):
            compare_children(config, folder, budgets, seeds, display)
        else:
            compare_cuts(config, folder, budgets, seeds, importance, display)


def _quantise(args: argparse.Namespace) -> None:
    from effjax.compress.quantise_run import quantise_run, read_wanted
    from effjax.report import choose_display

    activations = 8 if args.activations is None else args.activations
    wanted = read_wanted(args.bits, activations, args.layer_bits, args.budget, args.latency_table)
    name = args.bits.replace(",", "-")
    out = args.out or args.workdir.with_name(f"{args.workdir.name}-{name}bit")
    display = choose_display(args.quiet)
    with contextlib.closing(display):
        quantise_run(args.workdir, out, wanted, display)
