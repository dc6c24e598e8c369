"""docs/claims.md and its picture, made from the claims and their rows."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from effjax.claims.claim import Claim
from effjax.claims.command import Command
from effjax.claims.ledger import Entry, count_answers
from effjax.claims.question import FALSE, OPEN, TRUE, UNKNOWN, Times
from effjax.errors import UserError
from effjax.report.forest import Stem, plot_forest
from effjax.trials.json_files import saying_where

PICTURE = "pictures/claims.png"  # beside the page
# a page that has these lines gets what is decided between them, and keeps all else
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"
LEAD = """\
# Claims put to the test

Each part is a sentence of a paper, what we trained to test it, and what came out. The tests are
small on purpose: they run on two CPU cores, and their networks and data sets are toys beside those
of the papers. "True here" and "not true here" speak of these tests alone. "Cannot be told" means
that the 95 % interval holds both answers: it takes more seeds or a larger size. The rows behind an
answer ship in `configs/claims/rows/`, one line of JSON a training.

```sh
effjax claims
effjax claims starrelu
```

`--size=small` measures what has no row yet, into `runs/claims`, and goes on where it stopped.
`--size=gpu` is a larger test, for one GPU. Where no row says so nobody has run it, and its time
is an estimate.

```sh
effjax claims starrelu --size=small --minutes=1
```
"""


def make_page(entries: Sequence[Entry]) -> str:
    """The whole page, as Markdown."""
    picture = f"![What was claimed and what was measured]({PICTURE})"
    parts = [LEAD, count_sentence(entries), picture, overview(entries)]
    for group, own in itertools.groupby(entries, lambda entry: entry.claim.group):
        parts.append(f"## {group}")
        parts += [make_part(entry) for entry in own]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def fill_page(text: str, entries: Sequence[Entry]) -> str:
    """A page with the claims that are decided between its marks.

    Raises:
      UserError: the second mark is missing.
    """
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"the page has {BEGIN} and no {END} behind it; add the line")
    decided = [entry for entry in entries if entry.answer.word in (TRUE, FALSE)]
    return f"{before}{BEGIN}\n{overview(decided)}\n{END}{after}"


def overview(entries: Sequence[Entry]) -> str:
    """A table with a line a claim, those that are answered first."""
    answered = [entry for entry in entries if entry.answer.word != OPEN]
    lines = ["| claim | answer | measured |", "| :-- | :-- | :-- |"]
    for entry in answered:
        lines.append(f"| {entry.claim.title} | {entry.answer.word} | {entry.answer.measured} |")
    return "\n".join(lines)


def draw_times(entries: Sequence[Entry], path: Path) -> None:
    """The claims that ask how many times less something takes: measured beside claimed.

    Raises:
      UserError: the disk refuses.
    """
    stems = []
    for entry in entries:
        question = entry.claim.question
        interval = entry.answer.interval
        if isinstance(question, Times) and interval is not None:
            label = f"{question.arm} against {question.base}"
            ends = (interval.estimate, interval.low, interval.high)
            stems.append(Stem(label, *ends, question.factor))
    stems.sort(key=lambda stem: -stem.estimate)
    title = "How many times less: claimed, and measured here with 95 % intervals"
    with saying_where(path):
        plot_forest(stems, path, title, "base / arm; right of the line the arm needs less", 1.0)


def count_sentence(entries: Sequence[Entry]) -> str:
    """ "24 claims: 9 true here, ..."."""
    counts = count_answers(entries)
    said = [f"{counts[word]} {word}" for word in (TRUE, FALSE, UNKNOWN, OPEN) if word in counts]
    return f"{len(entries)} claims: {', '.join(said)}."


def make_part(entry: Entry) -> str:
    """One claim: the answer first, then what it rests on."""
    claim = entry.claim
    lines = [f"### {claim.title}", "", f"**{entry.answer.word.capitalize()}.**"]
    if entry.answer.measured:
        lines[-1] += f" {sentence(entry.answer.measured)}"
    source = f"[{claim.source}]({claim.link})" if claim.link else claim.source
    lines += ["", f"* Source: {source}. {sentence(claim.says)}"]
    if claim.tested:
        lines.append(f"* Tested: {sentence(claim.tested)}")
    if entry.rows:
        lines.append(f"* Rows: {entry.progress}, {entry.dates}, {entry.machines}.")
    lines += [f"* {line}" for line in cost_lines(claim)]
    return "\n".join(lines)


def cost_lines(claim: Claim) -> list[str]:
    """What to type for each size, and how long it takes."""
    lines = []
    for size, evidence in claim.sizes.items():
        needs = ""
        if isinstance(evidence, Command):
            needs = f" (it runs `{evidence.command}`)"
        minutes = format_minutes(evidence.minutes)
        lines.append(f"`effjax claims {claim.name} --size={size}`: {minutes}{needs}")
    return lines


def format_minutes(minutes: float) -> str:
    """ "12 minutes", "3 hours"."""
    if minutes < 90:
        return f"{minutes:g} minutes"
    return f"{minutes / 60:.2g} hours"


def sentence(text: str) -> str:
    """`text` with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def summary_table(entries: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """(header, rows): a claim a line, for a terminal."""
    header = ["claim", "answer", "rows", "what it says"]
    body = []
    for entry in entries:
        body.append(
            [entry.claim.name, entry.answer.word, entry.progress, entry.claim.title],
        )
    return header, body
