"""What is due at a step: pure functions, without a run."""

import dataclasses

import pytest

from effjax.training.agenda import Agenda, Resumed, is_due

PLAIN = Agenda(total=10, evaluate_every={"val": 5, "test": None}, save_every=4, log_every=3)


def table(agenda, start=0, **asked):
    """{step: (between, evaluations, save)} of the steps at which something is due."""
    found = {}
    for step in range(start, agenda.total + 1):
        due = agenda.at(step, **asked)
        if due.halts:
            found[step] = (due.between, due.evaluate, due.save)
    return found


def resumed(agenda, step, evaluated=(), between=False):
    return dataclasses.replace(agenda, resumed=Resumed(step, frozenset(evaluated), between))


def test_periods_and_the_last_step():
    assert table(PLAIN) == {
        4: (False, (), True),
        5: (False, ("val",), False),
        8: (False, (), True),
        10: (False, ("val", "test"), True),
    }
    assert [PLAIN.at(step).last for step in (9, 10)] == [False, True]


def test_rows_come_at_their_period_and_at_the_end():
    assert [step for step in range(1, 11) if PLAIN.logs(step)] == [3, 6, 9, 10]


def test_what_was_evaluated_before_an_interruption_is_not_evaluated_again():
    assert table(resumed(PLAIN, 5, ["val"]), 5) == table(PLAIN, 6)
    # broken off: the evaluation is made up for, and nothing else of that step
    assert resumed(PLAIN, 5).at(5).evaluate == ("val",)
    assert not resumed(PLAIN, 5).at(5).save


def test_a_state_that_was_loaded_is_saved_again_only_with_its_evaluation():
    both = dataclasses.replace(PLAIN, save_every=5)
    assert resumed(both, 5).at(5).save
    assert not resumed(both, 5, ["val"]).at(5).halts


def test_an_interruption_saves_and_does_nothing_else():
    due = PLAIN.at(5, interrupted=True)
    assert (due.evaluate, due.save, due.last) == ((), True, False)
    assert not resumed(PLAIN, 5).at(5, interrupted=True).save


def test_a_task_may_end_where_an_evaluation_is_due():
    assert [step for step in range(11) if PLAIN.may_end(step)] == [5]
    due = PLAIN.at(5, ended=True)
    assert (due.evaluate, due.save, due.last) == (("val", "test"), True, True)


def test_a_failed_save_is_tried_again():
    assert PLAIN.at(3, retries=True).save
    assert not resumed(PLAIN, 3).at(3, retries=True).save


def test_the_hook_comes_before_the_first_update_and_at_its_period():
    agenda = dataclasses.replace(PLAIN, between_every=5)
    assert [step for step in range(11) if agenda.at(step).between] == [0, 5, 10]
    assert not agenda.at(5, interrupted=True).between
    # interrupted at step 5 before the hook: the run that goes on calls it there
    assert resumed(agenda, 5).at(5).between
    assert not resumed(agenda, 5, between=True).at(5).between


@pytest.mark.parametrize(
    ("step", "every", "due"), [(0, 1, False), (6, 3, True), (7, 3, False), (6, None, False)]
)
def test_a_period_ends(step, every, due):
    assert is_due(step, every) == due
