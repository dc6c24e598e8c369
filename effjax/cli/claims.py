"""The verb of the ledger: what papers say, and what came out here."""

import argparse
from pathlib import Path

from effjax.cli.declare import QUIET, flag, verb
from effjax.errors import UserError


@verb(
    flag("names", nargs="*", metavar="NAME", help="claims (all)"),
    flag("--size", metavar="S", help="measure what has no row yet: small or gpu"),
    flag("--minutes", type=float, metavar="T", help="with --size: begin nothing after so many"),
    flag("--data", type=Path, metavar="FOLDER", help="with --size: where cifar10/ and others lie"),
    flag("--workdir", type=Path, metavar="D", help="with --size: of all runs (runs/claims)"),
    flag("--rows", type=Path, metavar="D", help="a folder of rows (those that ship, or D/rows)"),
    flag("--page", type=Path, metavar="FILE.md", help="write all claims to a page"),
    QUIET,
    examples=[
        "effjax claims",
        "effjax claims starrelu",
        "effjax claims starrelu --size=small --minutes=10",
        "effjax claims --rows=runs/claims/rows",
    ],
)
def claims(args: argparse.Namespace) -> None:
    """What papers claim, what we measured, and whether it holds here."""
    from effjax.claims.verb import measure_claims, show_claims, write_page
    from effjax.report import choose_display

    if args.minutes is not None and not args.minutes > 0:
        raise UserError(f"--minutes={args.minutes:g} is not above 0; leave it out for no limit")
    if args.page is not None:
        if args.names:
            raise UserError("--page writes all claims; leave the names out")
        write_page(args.page, args.rows)
        return
    display = choose_display(args.quiet)
    if args.size is None:
        show_claims(args.names, args.rows, display)
        return
    workdir = args.workdir or Path("runs/claims")
    measure_claims(args.names, args.size, workdir, args.rows, args.data, args.minutes, display)
