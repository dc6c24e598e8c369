"""Schedules by name: what is entered, and what is refused."""

import pytest

from effjax.errors import UserError
from effjax.optim.schedule_registry import (
    SCHEDULES,
    Span,
    create_schedule,
    list_schedules,
    register_schedule,
)


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr(SCHEDULES, "entries", dict(SCHEDULES.entries))

    @register_schedule
    def root(t, span: Span, *, exponent: float = 0.5):
        """a power of the straight line"""
        return span.between((1 - t / span.steps) ** exponent)

    return root


def test_a_shape_is_entered_under_its_name(own):
    info = list_schedules()["root"]
    assert (info.line, info.fields) == ("a power of the straight line", {"exponent": 0.5})
    lr = create_schedule("root", peak=2.0, total_steps=12, warmup_steps=4, exponent=1.0)
    assert [float(lr(step)) for step in (0, 2, 4, 8)] == [0.0, 1.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("cosin", {}, "unknown schedule 'cosin'; did you mean 'cosine'?"),
        ("root", {"exponant": 1.0}, "schedule 'root' has no field 'exponant'"),
        ("root", {"warmup_steps": 20}, "needs warmup_steps <= total_steps"),
        ("no.module:shape", {}, "is it on PYTHONPATH"),
    ],
)
def test_what_is_refused(name, fields, told, own):
    with pytest.raises(UserError) as caught:
        create_schedule(name, peak=1.0, total_steps=10, **fields)
    assert told in str(caught.value)
