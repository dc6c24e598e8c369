"""Judging an update by its metrics, one update later."""

import pytest

from effjax.errors import NonFinite
from effjax.training.updates import Updates


class Host:
    """A runner whose metrics are host numbers already."""

    def fetch(self, metrics):
        return metrics


def make(tmp_path, limit):
    warnings = []
    return Updates(Host(), object(), tmp_path, limit, warnings.append), warnings


def send(updates, step, bad):
    updates.send(step, {"train/loss": 1.0, "optim/grad_norm": 2.5, "bad": bad})
    return updates.settle()


def test_an_update_is_read_once(tmp_path):
    updates, _ = make(tmp_path, 0)
    assert updates.settle() is None
    assert send(updates, 1, 0) == (1, {"train/loss": 1.0, "optim/grad_norm": 2.5})
    assert updates.settle() is None


def test_without_leave_to_skip_the_first_bad_update_stops(tmp_path):
    updates, _ = make(tmp_path, 0)
    assert not updates.may_skip
    with pytest.raises(NonFinite, match=r"update 7 is not finite \(gradient norm 2.5\)"):
        send(updates, 7, 1)
    assert (tmp_path / "bad_batch.json").exists()


def test_so_many_in_a_row_may_be_left_out(tmp_path):
    updates, warnings = make(tmp_path, 3)
    for bad in (1, 2, 0, 1):
        send(updates, 5, bad)
    assert updates.skipped == 3
    assert warnings == ["update 5 is not finite and was left out"] * 3
    with pytest.raises(NonFinite):
        send(updates, 6, 3)
