"""Verbs that use trained networks."""

import argparse
import contextlib
import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

from effjax.cli.declare import NETWORK, RESULTS_ONLY, flag, load_network, place, verb
from effjax.errors import UserError


@verb(
    *NETWORK,
    flag("--config", metavar="F[:ARG]", help="config file, for weights without a run"),
    flag("--data", metavar="NAME", help="other images: a data set, folder, .zip, .tar, .npz"),
    flag("--split", metavar="S", help="which of them (the run's data.val_split)"),
    flag("--ignore-unknown", action="store_true", help="leave out classes it does not know"),
    flag("--details", action="store_true", help="by class, calibration, throughput"),
    flag("--features", action="store_true", help="k-NN and a linear probe on its features"),
    flag("--network", metavar="N", help="student or teacher, of a run without labels"),
    flag("--layer", metavar="L", help="with --features: stage1, ..., prelogits (pooled)"),
    flag("--shots", metavar="K,K", help="with --features: probes of so few labels a class"),
    flag("--ways", type=int, metavar="N", help="with --shots: episodes of N classes"),
    flag("--episodes", type=int, metavar="E", help="with --ways: how many (600)"),
    flag("--features-out", type=Path, metavar="F.npz", help="with --features: the features"),
    flag("--attack", action="store_true", help="accuracy under FGSM and PGD"),
    flag("--corrupt", action="store_true", help="errors on images damaged in twelve ways"),
    flag("--out", type=Path, metavar="DIR", help="folder for all numbers and pictures"),
    flag("--tta", metavar="V", help="mean over views: flip, flips, rotate, crops"),
    flag("--limit", type=int, metavar="N", help="so many images, drawn from all classes"),
    RESULTS_ONLY,
    examples=[
        "effjax evaluate --workdir=runs/quickstart",
        "effjax evaluate --workdir=runs/quickstart --features --attack --corrupt --out=report",
        "effjax evaluate --workdir=runs/moco --features --network=teacher --shots=1,5 --ways=5",
        "effjax evaluate --config=configs/imagenet/evaluate.py:caformer_s18.sail_in1k",
        "effjax evaluate --model=caformer_s18.sail_in1k --data=imagenet2012 --details",
    ],
)
def evaluate(args: argparse.Namespace) -> None:
    """Evaluate a run as while training, published weights, or any network in detail."""
    from effjax.evaluate import evaluate_weights, evaluate_workdir
    from effjax.evaluate.network import Wanted, data_of, evaluate_network, seed_of
    from effjax.report import choose_display
    from effjax.runs.given import load_run
    from effjax.trained.views import average_over

    if not (args.workdir or args.config or args.model or args.weights):
        raise UserError(
            "evaluate what? give --workdir=D, or --config=F for weights without a run,\n"
            "or --model=M with --weights=F and --data=NAME"
        )
    wanted = Wanted(
        features=args.features,
        attack=args.attack,
        corrupt=args.corrupt,
        out=args.out,
        limit=args.limit,
        ignore_unknown=args.ignore_unknown,
    )
    other_images = args.data is not None or args.split is not None
    # any of these flags asks for more than the run's own evaluation gives
    in_detail = wanted != Wanted() or args.details or other_images or args.tta or args.network
    with contextlib.closing(choose_display(args.quiet, results=True)) as display:
        if args.config is not None:
            config = load_run(args.config, args.overrides)
            evaluate_weights(config, display, args.ignore_unknown)
            return
        if args.workdir is not None and not in_detail:
            evaluate_workdir(args.workdir, display, args.step)
            return
        trained = load_network(args, display)
        if args.tta is not None:
            trained = average_over(trained, args.tta)
        data = data_of(trained, args.workdir, args.data, args.split, whole=not args.features)
        wants_more = args.layer or args.shots or args.features_out
        if args.features and (wants_more or not trained.model.num_classes):
            _evaluate_frozen(trained, data, display, args, wanted)
            return
        if not trained.model.num_classes:
            raise UserError(f"{trained.name} has no classifier; measure its features: --features")
        wanted = dataclasses.replace(wanted, seed=seed_of(args.workdir))
        evaluate_network(trained, data, display, wanted)


def _evaluate_frozen(
    trained: Any, data: Any, display: Any, args: argparse.Namespace, wanted: Any
) -> None:
    """Features alone: of a network without classes, of another layer, or with few labels."""
    from effjax.evaluate.few import Episodes
    from effjax.evaluate.frozen import WantedFeatures, evaluate_frozen, read_shots

    if wanted.attack or wanted.corrupt or args.details:
        raise UserError(
            f"--attack, --corrupt and --details are for classes; {trained.name} is asked for "
            "features alone\nleave them out"
        )
    episodes = None
    if args.ways is not None:
        number = Episodes.number if args.episodes is None else args.episodes
        episodes = Episodes(args.ways, number)
    features = WantedFeatures(
        layer=args.layer or "pooled",
        shots=read_shots(args.shots),
        episodes=episodes,
        file=args.features_out,
        out=args.out,
        limit=args.limit,
    )
    evaluate_frozen(trained, data, display, features)


@verb(
    flag("images", nargs="+", metavar="IMAGE", help="images, folders, .zip or .tar of them"),
    *NETWORK,
    flag("--top", type=int, default=5, metavar="K", help="name so many classes (5)"),
    flag("--batch", type=int, default=32, metavar="B", help="images at a time (32)"),
    flag("--json", action="store_true", help="JSON lines on standard output"),
    flag("--tta", metavar="V", help="mean over views: flip, flips, rotate, crops"),
    flag("--output", type=Path, metavar="F", help="all predictions: .csv, .json or .jsonl"),
    flag("--features", type=Path, metavar="F.npz", help="what a layer gives, instead of classes"),
    flag("--layer", default="prelogits", metavar="L", help="stage1, ..., pooled or %(default)s"),
    flag("--explain", metavar="KIND", help="what the answer rests on: gradcam or gradient"),
    flag("--explain-to", type=Path, default="explained", metavar="DIR", help="(%(default)s)"),
    flag("--out", type=Path, metavar="FILE.png", help="draw a contact sheet"),
    RESULTS_ONLY,
    examples=[
        "effjax predict --workdir=runs/photos holiday/ cat.jpg",
        "effjax predict --workdir=runs/photos holiday/ --output=predictions.csv",
        "effjax predict --workdir=runs/photos holiday/ --features=embeddings.npz --layer=pooled",
        "effjax predict --workdir=runs/photos cat.jpg --explain=gradcam",
        "effjax predict --model=caformer_s18.sail_in1k --labels=names.txt cat.jpg --out=sheet.png",
    ],
)
def predict(args: argparse.Namespace) -> None:
    """Predict the classes of images, or write their features."""
    from effjax.evaluate.explained import explain_files
    from effjax.evaluate.predict import Answers, predict_files, write_features
    from effjax.report import choose_display
    from effjax.trained.images import find_images
    from effjax.trained.views import average_over

    find_images(args.images)  # refuses a wrong path before anything long begins
    stream = None
    json_lines = None
    if args.json:
        # JSON lines alone go to standard output: progress would be mixed in
        stream = sys.stderr
        # flushed: a program that reads them gets each at once
        json_lines = functools.partial(print, flush=True)
    with contextlib.closing(choose_display(args.quiet, stream, results=True)) as display:
        trained = load_network(args, display)
        if args.features is not None:
            write_features(trained, args.images, args.features, display, args.layer, args.batch)
            return
        if args.explain is not None:
            explain_files(trained, args.images, args.explain, args.explain_to, display, args.batch)
            return
        if args.tta is not None:
            trained = average_over(trained, args.tta)
        wanted = Answers(args.top, json_lines, args.output, args.out)
        predict_files(trained, args.images, display, wanted, args.batch)


@verb(
    flag("workdirs", type=place, nargs="+", metavar="RUN", help="runs' folders"),
    flag("--out", type=Path, default=Path("compare.png"), help="the picture (%(default)s)"),
    examples=["effjax compare runs/seed0 runs/seed1 --out=seeds.png"],
)
def compare(args: argparse.Namespace) -> None:
    """Compare runs: one picture, one table."""
    from effjax.evaluate import compare_workdirs
    from effjax.report import choose_display

    with contextlib.closing(choose_display()) as display:
        display.waiting(f"reading {len(args.workdirs)} runs")
        compare_workdirs(args.workdirs, args.out, display)
