"""Entries: the largest size that has rows, its progress, its dates."""

import dataclasses

import pytest

from effjax.claims.claim import Claim
from effjax.claims.command import Command
from effjax.claims.ledger import count_answers, make_entry, make_ledger
from effjax.claims.question import OPEN, TRUE, Better
from effjax.claims.row import append_row, new_row

EVIDENCE = Command("effjax sweep", "val/top1", seeds=2, minutes=1.0)
CLAIM = Claim(
    name="letters",
    title="A is better than B",
    source="A paper",
    says="by 1 %",
    group="Letters",
    question=Better("a", "b"),
    sizes={"small": EVIDENCE, "gpu": EVIDENCE},
)


@pytest.fixture
def rows(tmp_path):
    for seed, day in enumerate(("2026-11-27", "2026-11-28")):
        for arm, value in (("a", 2.0 + 0.01 * seed), ("b", 1.0)):
            row = dataclasses.replace(new_row("small", arm, str(seed), value), date=day)
            append_row(tmp_path, "letters", row)
    return tmp_path


def test_an_entry(rows):
    entry = make_entry(CLAIM, rows)
    assert (entry.size, entry.answer.word, entry.progress) == ("small", TRUE, "4/4 rows")
    assert entry.dates == "2026-11-27 to 2026-11-28"


def test_rows_of_a_gpu_are_not_mixed_with_those_of_a_cpu(rows):
    append_row(rows, "letters", new_row("gpu", "a", "0", None, "not finite"))
    entry = make_entry(CLAIM, rows)
    assert (entry.size, entry.answer.word) == ("gpu", OPEN)
    assert entry.progress == "1/4 rows, 1 failed"


def test_without_rows_and_without_a_question(tmp_path):
    bare = dataclasses.replace(CLAIM, name="bare", question=None, sizes={}, open="not built yet")
    entries = make_ledger({"letters": CLAIM, "bare": bare}, tmp_path)
    assert [entry.answer.word for entry in entries] == [OPEN, OPEN]
    assert entries[1].answer.measured == "not built yet"
    assert count_answers(entries) == {OPEN: 2}
