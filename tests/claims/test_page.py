"""docs/claims.md is what the claims and their rows give."""

from pathlib import Path

from effjax.claims.claim import claims_folder, read_claims
from effjax.claims.ledger import make_ledger
from effjax.claims.page import format_minutes, make_page, sentence


def test_the_page_is_up_to_date():
    entries = make_ledger(read_claims(claims_folder()), claims_folder() / "rows")
    # effjax claims --page=docs/claims.md writes it again
    assert Path("docs/claims.md").read_text() == make_page(entries)


def test_words():
    assert sentence("on digits") == "On digits."
    assert sentence("4 epochs.") == "4 epochs."
    assert [format_minutes(m) for m in (4.0, 60.0, 120.0)] == ["4 minutes", "60 minutes", "2 hours"]
