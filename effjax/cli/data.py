"""Verbs for files: images and weights."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from effjax.cli.declare import flag, verb
from effjax.errors import UserError

if TYPE_CHECKING:
    from effjax.report import Display


@verb(
    flag("action", choices=("prepare", "check", "latents")),
    flag("source", help="folder, zip, tar, .npz, TFDS name or directory; latents: a run's folder"),
    flag("--write", type=Path, metavar="F.json", help="keep mean, deviation and class counts"),
    flag("--out", help="folder to write"),
    flag("--manual-dir", help="folder with the files of one of our own data sets"),
    flag("--short-side", type=int, help="make larger images this small"),
    flag("--val-share", type=float, default=0.1, help="where there is no split (0.1)"),
    flag("--split-seed", type=int, default=0, help="of that division (0)"),
    flag("--label", help="a .csv list: the column of the labels"),
    flag("--skip-broken", action="store_true", help="leave out what cannot be read or decoded"),
    flag("--images", metavar="NAME", help="latents: of these images (those of the autoencoder)"),
    flag("--mirror", action="store_true", help="latents: of mirrored images too"),
    flag("--force", action="store_true", help="replace what was prepared from something else"),
    examples=[
        "effjax data check photos.zip --write=photos.json",
        "effjax data prepare photos/ --out=prepared/photos --short-side=256",
        "effjax data latents runs/autoencoder_digits --out=latents/digits",
    ],
)
def data(args: argparse.Namespace) -> None:
    """Prepare images as ArrayRecord or as latents, or check what is in them."""
    from effjax.data.tools.check import check
    from effjax.data.tools.prepare import prepare, prepare_local
    from effjax.data.tools.statistics import as_overrides, write_statistics
    from effjax.report import choose_display

    with contextlib.closing(choose_display()) as display:
        if args.action == "latents":
            write_latents(args, display)
            return
        display.waiting(f"reading {args.source}")
        if args.action == "check":
            report = check(args.source, args.label)
            display.line(str(report))
            if args.write is not None:
                write_statistics(args.write, args.source, report)
                display.line(f"written: {args.write}; in a config:")
                display.line(
                    f"  config.data.update(effjax.data.read_statistics({str(args.write)!r}))"
                )
                display.line(f"or typed: {as_overrides(report)}")
            return
        if args.manual_dir is not None:
            counts = prepare_local(args.source, args.manual_dir, args.out)
            where = args.source  # our own data sets go by name
        elif args.out is None:
            raise UserError("data prepare writes somewhere; give --out=DIR")
        else:
            counts = prepare(
                args.source,
                args.out,
                short_side=args.short_side,
                val_share=args.val_share,
                split_seed=args.split_seed,
                skip_broken=args.skip_broken,
                label=args.label,
                force=args.force,
            )
            where = args.out
        rows = [(split, f"{count:,} images") for split, count in counts.items()]
        rows.append(("train on it", f"--config.data.name={where}"))
        display.table("prepared", rows)


def write_latents(args: argparse.Namespace, display: "Display") -> None:
    """`effjax data latents RUN --out=FOLDER`."""
    from effjax.sample.encode import encode

    if args.out is None:
        raise UserError("data latents writes somewhere; give --out=FOLDER")
    facts = encode(Path(args.source), Path(args.out), display, args.images, args.mirror)
    display.line(f"scale {facts.scale:.4g}; train on them: --config.task.latents={args.out}")


@verb(
    flag("source", help=".safetensors or .pth; with --push also a run's folder"),
    flag("out", type=Path, nargs="?", help=".safetensors; with --push a folder"),
    flag("--model", help="a registered architecture"),
    flag("--ignore", action="append", default=[], metavar="REGEX", help="leave out these tensors"),
    flag(
        "--rename",
        action="append",
        default=[],
        metavar="REGEX=NEW",
        help="give tensors other names, before anything else",
    ),
    flag("--push", metavar="ORG/NAME", help="publish weights, companion and page on a hub"),
    flag("--licence", metavar="L", help="of what is published, such as apache-2.0"),
    flag("--private", action="store_true", help="only the organisation sees what is published"),
    flag("--dry-run", action="store_true", help="write the folder, send nothing"),
    examples=[
        "effjax convert weights.pth weights.safetensors --model=caformer_s18",
        "effjax convert runs/photos --push=me/photos --licence=apache-2.0 --dry-run",
    ],
)
def convert(args: argparse.Namespace) -> None:
    """Turn weights of timm or the authors into a file with timm's names, or publish a network."""
    from effjax.models.weights import rewrite
    from effjax.report import choose_display

    if args.push is not None:
        _publish(args)
        return
    if args.out is None or args.model is None:
        raise UserError(
            "convert writes a file for an architecture: effjax convert IN OUT --model=M\n"
            "a run is published with: effjax convert runs/photos --push=ORG/NAME"
        )
    with contextlib.closing(choose_display()) as display:
        display.waiting(f"reading {args.source}")
        rename = dict(_pattern_and_name(text) for text in args.rename)
        count = rewrite(args.source, args.out, args.model, args.ignore, rename)
        display.line(f"{args.out}: {count} tensors of {args.model}, with timm's names")


def _publish(args: argparse.Namespace) -> None:
    from effjax.export import publish
    from effjax.report import choose_display
    from effjax.trained.load import load

    with contextlib.closing(choose_display(results=True)) as display:
        display.waiting(f"loading {args.source}")
        trained = load(args.source, model=args.model)
        name = args.push.rpartition("/")[2]
        folder = args.out or Path("published") / name
        publish(trained, args.push, folder, display, args.licence, args.private, args.dry_run)


def _pattern_and_name(text: str) -> tuple[str, str]:
    """ "^model\\.=" -> ("^model\\.", "")."""
    # the last "=": a pattern may hold one, a tensor's name does not
    pattern, equals, name = text.rpartition("=")
    if not equals:
        raise UserError(f"--rename={text}: expected REGEX=NEW, such as --rename='^model[.]='")
    return pattern, name
