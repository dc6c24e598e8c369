"""A file of converted images: what is kept, cut, or begun anew."""

import pytest

from effjax.data.tools.journal import Converted, Journal

EXAMPLES = [Converted(b"one", 0, 11), Converted(None, 1, 22), Converted(b"", 1, 33)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "below" / "journal"
    assert list(Journal(path, {"size": 1}).append(iter(EXAMPLES))) == EXAMPLES
    return path


def test_what_was_added_is_read_in_order(path):
    journal = Journal(path, {"size": 1})
    assert journal.rows == 3
    assert list(journal.read()) == EXAMPLES


def test_other_options_begin_anew(path):
    journal = Journal(path, {"size": 2})
    assert (journal.rows, list(journal.read())) == (0, [])
    list(journal.append(iter(EXAMPLES[:1])))
    assert Journal(path, {"size": 1}).rows == 0
    assert list(Journal(path, {"size": 2}).read()) == EXAMPLES[:1]


def test_a_cut_drops_the_rest(path):
    journal = Journal(path, {"size": 1})
    journal.cut(1)
    other = Converted(b"other", 2, 44)
    assert list(journal.append(iter([other]))) == [other]
    assert list(Journal(path, {"size": 1}).read()) == [EXAMPLES[0], other]


def test_a_damaged_tail_is_dropped(path):
    data = path.read_bytes()
    for size in (len(data) - 1, len(data) - 30):
        path.write_bytes(data[:size])
        assert Journal(path, {"size": 1}).rows == 2
