"""Verbs for files: images and weights."""

import argparse
import contextlib
from pathlib import Path

from effjax.cli.declare import flag, verb
from effjax.errors import UserError


@verb(
    flag("action", choices=("prepare", "check")),
    flag("source", help="folder, zip, tar, .npz, TFDS name or directory"),
    flag("--write", type=Path, metavar="F.json", help="keep mean, deviation and class counts"),
    flag("--out", help="folder to write"),
    flag("--manual-dir", help="folder with the files of one of our own data sets"),
    flag("--short-side", type=int, help="make larger images this small"),
    flag("--val-share", type=float, default=0.1, help="where there is no split (0.1)"),
    flag("--split-seed", type=int, default=0, help="of that division (0)"),
    flag("--label", help="a .csv list: the column of the labels"),
    flag("--skip-broken", action="store_true", help="leave out what cannot be read or decoded"),
    flag("--force", action="store_true", help="replace what was prepared from something else"),
    examples=[
        "effjax data check photos.zip --write=photos.json",
        "effjax data prepare photos/ --out=prepared/photos --short-side=256",
    ],
)
def data(args: argparse.Namespace) -> None:
    """Prepare images as ArrayRecord, or check what is in them."""
    from effjax.data.tools.check import check
    from effjax.data.tools.prepare import prepare, prepare_local
    from effjax.data.tools.statistics import as_overrides, write_statistics
    from effjax.report import choose_display

    with contextlib.closing(choose_display()) as display:
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


@verb(
    flag("source", help=".safetensors or .pth"),
    flag("out", type=Path, help=".safetensors"),
    flag("--model", required=True, help="a registered architecture"),
    flag("--ignore", action="append", default=[], metavar="REGEX", help="leave out these tensors"),
    flag(
        "--rename",
        action="append",
        default=[],
        metavar="REGEX=NEW",
        help="give tensors other names, before anything else",
    ),
    examples=["effjax convert weights.pth weights.safetensors --model=caformer_s18"],
)
def convert(args: argparse.Namespace) -> None:
    """Turn a weights file of timm or the authors into one with timm's names, checked."""
    from effjax.models.weights import rewrite
    from effjax.report import choose_display

    with contextlib.closing(choose_display()) as display:
        display.waiting(f"reading {args.source}")
        rename = dict(_pattern_and_name(text) for text in args.rename)
        count = rewrite(args.source, args.out, args.model, args.ignore, rename)
        display.line(f"{args.out}: {count} tensors of {args.model}, with timm's names")


def _pattern_and_name(text: str) -> tuple[str, str]:
    """ "^model\\.=" -> ("^model\\.", "")."""
    # the last "=": a pattern may hold one, a tensor's name does not
    pattern, equals, name = text.rpartition("=")
    if not equals:
        raise UserError(f"--rename={text}: expected REGEX=NEW, such as --rename='^model[.]='")
    return pattern, name
