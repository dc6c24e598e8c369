"""How the learning rate goes on in a run that is made longer."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.optim import create_schedule, decay_start, extended_schedule


def plan(name, history, total, warmup=10, end=0.0, **fields):
    common = {"peak": 1.0, "warmup_steps": warmup, "end": end, **fields}

    def make(steps):
        return create_schedule(name, total_steps=steps, **common)

    def make_trunk(steps):
        return decay_start(name, steps, warmup, fields)

    return extended_schedule(make, make_trunk, history, total, end)


def rates(plan, steps):
    return np.asarray(plan.rate(np.arange(steps)))


def test_a_run_that_was_not_extended_has_its_own_schedule():
    whole = create_schedule("cosine", peak=1.0, total_steps=50, warmup_steps=10)
    assert (rates(plan("cosine", (), 50), 60) == np.asarray(whole(np.arange(60)))).all()


def test_where_the_decay_begins():
    assert decay_start("wsd", 100, 10, {}) == 80
    assert decay_start("wsd", 100, 10, {"decay_share": 0.95}) == 10
    assert decay_start("constant", 100, 10, {"cooldown_steps": 30}) == 70
    assert decay_start("cosine", 100, 10, {}) == 100
    # the rates before it do not depend on the length of the run
    short = create_schedule("wsd", peak=1.0, total_steps=100, warmup_steps=10)
    longer = create_schedule("wsd", peak=1.0, total_steps=300, warmup_steps=10)
    steps = np.arange(80)
    assert (np.asarray(short(steps)) == np.asarray(longer(steps))).all()


def test_restart_begins_anew_with_its_warm_up():
    lr = rates(plan("cosine", ((100, "restart"),), 160), 160)
    again = create_schedule("cosine", peak=1.0, total_steps=60, warmup_steps=10)
    np.testing.assert_array_equal(lr[100:], again(np.arange(60)))
    np.testing.assert_array_equal(lr[:100], rates(plan("cosine", (), 100), 100))


def test_constant_and_cooldown_branch_off_the_trunk():
    held = plan("wsd", ((100, "constant"),), 150)
    np.testing.assert_allclose(rates(held, 150)[10:], 1.0)
    assert held.trunk == 150
    down = plan("wsd", ((100, "cooldown"),), 120)
    np.testing.assert_allclose(rates(down, 121)[[79, 80, 100, 120]], [1, 1, 0.5, 0], atol=1e-6)
    # one after the other: held to 150, then down
    both = rates(plan("wsd", ((100, "constant"), (150, "cooldown")), 200), 201)
    np.testing.assert_allclose(both[[90, 149, 175, 200]], [1, 1, 0.5, 0], atol=1e-6)


def test_a_cooldown_ends_at_the_end_of_the_schedule():
    down = rates(plan("constant", ((100, "cooldown"),), 200, end=0.1), 201)
    np.testing.assert_allclose(down[[100, 150, 200]], [1.0, 0.55, 0.1], rtol=1e-6)


@pytest.mark.parametrize("kind", ["constant", "cooldown"])
def test_a_rate_of_zero_has_nothing_to_go_on_from(kind):
    with pytest.raises(UserError, match=rf"is 0 where .*--extend={kind}.*\ngive --extend=restart"):
        plan("cosine", ((100, kind),), 150)
