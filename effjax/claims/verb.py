"""`effjax claims`: shows the ledger, measures what is missing, writes the page."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from effjax.claims.claim import SIZES, Claim, claims_folder, read_claims
from effjax.claims.ledger import Entry, make_entry, make_ledger
from effjax.claims.page import (
    BEGIN,
    PICTURE,
    cost_lines,
    count_sentence,
    draw_times,
    fill_page,
    make_page,
    summary_table,
)
from effjax.claims.place import Place
from effjax.claims.row import append_row, read_rows
from effjax.errors import UserError, nearest
from effjax.report import Display
from effjax.trials.json_files import saying_where, write_text

ROWS = "rows"


def show_claims(names: Sequence[str], rows: Path | None, display: Display) -> None:
    """The table of all claims, or what is known of those that are named.

    Args:
      rows: a folder of rows; None: those that ship.

    Raises:
      UserError: an unknown name.
    """
    claims = read_claims(claims_folder())
    chosen = choose(claims, names)
    folder = rows or claims_folder() / ROWS
    with contextlib.closing(display):
        entries = make_ledger(chosen, folder)
        if names:
            for entry in entries:
                show_entry(entry, display)
            return
        header, body = summary_table(entries)
        display.table("", body, header)
        display.line(count_sentence(entries))


def show_entry(entry: Entry, display: Display) -> None:
    """A claim in full."""
    claim = entry.claim
    facts = [
        ("claim", claim.title),
        ("source", f"{claim.source} {claim.link}"),
        ("it says", claim.says),
        ("tested", claim.tested),
        ("answer", entry.answer.word),
        ("measured", entry.answer.measured),
        ("rows", " ".join([entry.progress, entry.dates, entry.machines])),
    ]
    for line in cost_lines(claim):
        facts.append(("to measure", line.replace("`", "")))
    display.table(claim.name, [fact for fact in facts if fact[1].strip()])


def measure_claims(
    names: Sequence[str],
    size: str,
    workdir: Path,
    rows: Path | None,
    data: Path | None,
    minutes: float | None,
    display: Display,
) -> None:
    """Measures what has no row yet, and shows the answers.

    Args:
      names: of claims; none: all that have this size.
      size: "small" or "gpu".
      workdir: of all runs.
      rows: where rows are added; None: `workdir`/rows.
      data: a folder of data sets, see `Place`.
      minutes: begin no row after so many; None: go on to the end.

    Raises:
      UserError: an unknown name or size, a claim that has none of it, no such folder of data, or
        what its runs need.
    """
    if size not in SIZES:
        raise UserError(f"--size={size}; expected {' or '.join(SIZES)}")
    if data is not None and not data.is_dir():
        raise UserError(f"--data={data} is no folder; give the one in which cifar10 and others lie")
    chosen = choose(read_claims(claims_folder()), names)
    for name in names:
        if size not in chosen[name].sizes:
            raise UserError(missing_size(chosen[name], size))
    folder = rows or workdir / ROWS
    began = time.monotonic()
    with contextlib.closing(display):
        for claim in chosen.values():
            if size not in claim.sizes:
                continue
            place = Place(workdir / claim.name, data, size)
            if not measure(claim, place, folder, began, minutes, display):
                display.line("the time is over: the same command continues")
                break
        for claim in chosen.values():
            entry = make_entry(claim, folder)
            if entry.rows:
                display.line(f"{claim.name}: {entry.answer.word}; {entry.answer.measured}")


def missing_size(claim: Claim, size: str) -> str:
    """Why a claim has no such size."""
    if claim.open:
        return f"{claim.name} cannot be tested yet: {claim.open}"
    sizes = " or ".join(f"--size={known}" for known in claim.sizes)
    return f"{claim.name} has no size {size!r}; give {sizes}"


def measure(
    claim: Claim,
    place: Place,
    folder: Path,
    began: float,
    minutes: float | None,
    display: Display,
) -> bool:
    """Adds the rows of one claim; False where the time was over before the last."""
    evidence = claim.sizes[place.size]
    arms = claim.question.arms
    known = [row for row in read_rows(folder, claim.name) if row.size == place.size]
    planned = evidence.planned(arms)
    if len(known) >= planned:
        return True
    display.line(f"{claim.name}: {claim.title} ({len(known)}/{planned} rows)", "bold")
    missing = evidence.measure(arms, known, place, display)
    while minutes is None or time.monotonic() - began < 60 * minutes:
        # a generator: the next row is made when it is asked for, not before
        row = next(missing, None)
        if row is None:
            return True
        append_row(folder, claim.name, row)
        value = f"failed: {row.reason}" if row.value is None else f"{row.value:.6g}"
        display.line(f"  {row.arm}, {row.pair}: {evidence.metric} {value}")
    return False


def choose(claims: Mapping[str, Claim], names: Sequence[str]) -> dict[str, Claim]:
    """The claims that are named, or all.

    Raises:
      UserError: an unknown name.
    """
    for name in names:
        if name not in claims:
            raise UserError(f"no claim {name!r}; {nearest(name, claims)}\nlist: effjax claims")
    return {name: claims[name] for name in names} if names else dict(claims)


def write_page(path: Path, rows: Path | None) -> None:
    """Writes the page of all claims, and its picture below pictures/ beside it.

    A page that is there and has marks for it, as README.md, gets what is decided alone.

    Raises:
      UserError: the disk refuses.
    """
    folder = claims_folder()
    entries = make_ledger(read_claims(folder), rows or folder / ROWS)
    text = path.read_text() if path.exists() else ""
    if BEGIN in text:
        write_text(path, fill_page(text, entries))
        return
    write_text(path, make_page(entries))
    picture = path.parent / PICTURE
    with saying_where(picture):
        picture.parent.mkdir(exist_ok=True)
    draw_times(entries, picture)
