"""The verb that draws from trained generators."""

import argparse
import contextlib
from pathlib import Path

from effjax.cli.declare import RESULTS_ONLY, checkpoint, flag, place, verb
from effjax.errors import UserError


def interval(text: str) -> tuple[float, float]:
    """LOW,HIGH as the type of a flag.

    Raises:
      argparse.ArgumentTypeError: not two numbers in order.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected LOW,HIGH; got {text!r}") from None
    if not low < high:
        raise argparse.ArgumentTypeError(f"expected LOW below HIGH; got {text!r}")
    return low, high


@verb(
    flag("--workdir", type=place, metavar="D", help="the folder of a diffusion or adversarial run"),
    flag("--step", type=checkpoint, metavar="N", help="which checkpoint: N or best (the newest)"),
    flag("--classes", metavar="A,B", help="names or numbers (all); none: without labels"),
    flag("--count", type=int, default=8, metavar="N", help="samples of each class (8)"),
    flag("--sampler", metavar="S", help="ddim, ancestral, euler or heun (by the process)"),
    flag("--steps", type=int, metavar="N", help="of the sampler (by the sampler)"),
    flag("--eta", type=float, default=0.0, metavar="X", help="fresh noise of ddim, 0 to 1 (0)"),
    flag("--churn", type=float, default=0.0, metavar="X", help="fresh noise of EDM's samplers (0)"),
    flag("--guidance", type=float, default=1.0, metavar="W", help="1: as the labels say (1)"),
    flag("--guidance-interval", type=interval, metavar="L,H", help="guide at these times only"),
    flag("--guidance-power", type=float, metavar="P", help="MDT's power-cosine scale"),
    flag("--guided-channels", type=int, metavar="N", help="3 for DiT's published numbers (all)"),
    flag("--seed", type=int, default=0, metavar="N", help="of all noise (0)"),
    flag("--batch", type=int, default=64, metavar="B", help="samples at a time (64)"),
    flag("--classifier", type=place, metavar="D", help="a classification run that scores them"),
    flag("--autoencoder", type=place, metavar="D", help="makes images of a run's latents"),
    flag("--features", type=Path, metavar="F.npz", help="score features that you have computed"),
    flag("--each-checkpoint", action="store_true", help="a row for each checkpoint"),
    flag("--out", type=Path, action="append", metavar="F", help=".png or .npz (D/samples.png)"),
    RESULTS_ONLY,
    examples=[
        "effjax sample --workdir=runs/digits --guidance=2",
        "effjax sample --workdir=runs/digits --classes=3,8 --steps=25 --out=sheet.png",
        "effjax sample --workdir=runs/digits --count=100 --classifier=runs/quickstart",
        "effjax sample --features=inception.npz",
    ],
)
def sample(args: argparse.Namespace) -> None:
    """Draw images from a trained generator: a sheet, an .npz, scores."""
    from effjax.report import choose_display
    from effjax.sample.judge import judge_features
    from effjax.sample.run import Wanted, each_checkpoint
    from effjax.sample.run import sample as draw

    if args.workdir is None and args.features is None:
        raise UserError("sample what? give --workdir=D, a run of a generator, or --features=F.npz")
    with contextlib.closing(choose_display(args.quiet, results=True)) as display:
        if args.features is not None:
            rows = judge_features(args.features)
            display.table(str(args.features), [(name, f"{value:.6g}") for name, value in rows])
        if args.workdir is None:
            return
        wanted = Wanted(
            classes=args.classes,
            count=args.count,
            sampler=args.sampler,
            steps=args.steps,
            eta=args.eta,
            churn=args.churn,
            guidance=args.guidance,
            interval=args.guidance_interval,
            power=args.guidance_power,
            guided_channels=args.guided_channels,
            seed=args.seed,
            batch=args.batch,
            classifier=args.classifier,
            autoencoder=args.autoencoder,
            out=tuple(args.out or ()),
        )
        if args.each_checkpoint:
            each_checkpoint(args.workdir, display, wanted)
        else:
            draw(args.workdir, display, wanted, args.step)
