"""docs/claims.md is what the claims and their rows give."""

from pathlib import Path

import pytest

from effjax.claims.claim import claims_folder, read_claims
from effjax.claims.ledger import make_ledger
from effjax.claims.page import (
    BEGIN,
    END,
    fill_page,
    format_minutes,
    make_page,
    sentence,
)
from effjax.errors import UserError


@pytest.fixture(scope="module")
def entries():
    return make_ledger(read_claims(claims_folder()), claims_folder() / "rows")


def test_the_page_is_up_to_date(entries):
    # effjax claims --page=docs/claims.md writes it again
    assert Path("docs/claims.md").read_text() == make_page(entries)


def test_the_readme_is_up_to_date(entries):
    # effjax claims --page=README.md writes its table again
    text = Path("README.md").read_text()
    assert text == fill_page(text, entries)
    assert "cannot be told" not in text.partition(END)[0]


def test_a_page_keeps_what_is_outside_of_its_marks(entries):
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    filled = fill_page(text, entries)
    assert filled.startswith(f"before\n{BEGIN}\n| claim |")
    assert filled.endswith(f"|\n{END}\nafter\n")
    with pytest.raises(UserError, match="add the line"):
        fill_page(f"{BEGIN}\n", entries)


def test_words():
    assert sentence("on digits") == "On digits."
    assert sentence("4 epochs.") == "4 epochs."
    assert [format_minutes(m) for m in (4.0, 60.0, 120.0)] == ["4 minutes", "60 minutes", "2 hours"]
