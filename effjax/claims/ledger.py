"""The ledger: each claim with its rows and its answer, at the largest size that has rows."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from effjax.claims.claim import SIZES, Claim
from effjax.claims.question import NO_ROWS, OPEN, Answer
from effjax.claims.row import Row, read_rows


@dataclasses.dataclass(frozen=True)
class Entry:
    """A claim and what its rows say.

    Attributes:
      claim: what is said.
      size: of the rows; the first size of the claim where there are none.
      rows: of that size.
      answer: from these rows.
      planned: how many rows there are in the end.
    """

    claim: Claim
    size: str
    rows: tuple[Row, ...]
    answer: Answer
    planned: int

    @property
    def progress(self) -> str:
        """ "8/10 rows", with the failures; "" for a claim that cannot be tested yet."""
        if not self.planned:
            return ""
        words = f"{len(self.rows)}/{self.planned} rows"
        failed = sum(row.value is None for row in self.rows)
        return f"{words}, {failed} failed" if failed else words

    @property
    def dates(self) -> str:
        """From the first to the last row."""
        days = sorted({row.date for row in self.rows})
        if not days:
            return ""
        return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"

    @property
    def machines(self) -> str:
        """Where the rows were made."""
        return "; ".join(sorted({row.machine for row in self.rows}))


def make_entry(claim: Claim, folder: Path) -> Entry:
    """The entry of a claim, with its rows in `folder`."""
    if claim.question is None:
        return Entry(claim, "", (), Answer(OPEN, claim.open), 0)
    every = read_rows(folder, claim.name)
    # a GPU's rows are of the larger network, and say more
    for size in reversed(SIZES):
        rows = tuple(row for row in every if row.size == size)
        if rows and size in claim.sizes:
            break
    else:
        size = "small"
        rows = ()
    evidence = claim.sizes[size]
    answer = claim.question.answer(rows, evidence.less_is_better) if rows else NO_ROWS
    return Entry(claim, size, rows, answer, evidence.planned(claim.question.arms))


def make_ledger(claims: Mapping[str, Claim], folder: Path) -> list[Entry]:
    """The entries of all claims in their order."""
    return [make_entry(claim, folder) for claim in claims.values()]


def count_answers(entries: Iterable[Entry]) -> dict[str, int]:
    """{answer: claims}."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.answer.word] = found.get(entry.answer.word, 0) + 1
    return found
