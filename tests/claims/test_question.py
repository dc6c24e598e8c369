"""The answers, from rows whose intervals are known."""

import pytest

from effjax.claims.question import FALSE, OPEN, TRUE, UNKNOWN, Alike, Better, Times
from effjax.claims.row import Row


def rows_of(**arms):
    """Rows of the arms, seed by seed."""
    found = []
    for arm, values in arms.items():
        for seed, value in enumerate(values):
            found.append(Row(size="small", arm=arm, pair=str(seed), value=value))
    return found


def test_better_is_a_paired_difference():
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 4.3027 for two degrees of freedom
    rows = rows_of(a=[11.0, 22.0, 33.0], b=[10.0, 20.0, 30.0])
    answer = Better("a", "b", unit="points").answer(rows, less_is_better=False)
    assert answer.measured == "a minus b: +2 points [-0.484, +4.48], 3 pairs"
    assert answer.word == UNKNOWN


@pytest.mark.parametrize(
    ("by", "less_is_better", "word"),
    [(0.0, False, TRUE), (0.0, True, FALSE), (1.5, False, FALSE), (1.0, False, UNKNOWN)],
)
def test_better_by_so_much(by, less_is_better, word):
    rows = rows_of(a=[1.1, 2.0, 2.9], b=[0.0, 1.0, 2.0])  # differences 1.1, 1.0, 0.9
    assert Better("a", "b", by).answer(rows, less_is_better).word == word


def test_one_pair_tells_nothing_and_none_is_open():
    question = Better("a", "b")
    answer = question.answer(rows_of(a=[2.0], b=[1.0]), less_is_better=False)
    assert (answer.word, answer.measured) == (UNKNOWN, "a minus b: +1, one pair")
    assert question.answer(rows_of(a=[2.0]), less_is_better=False).word == OPEN
    assert question.answer(rows_of(a=[None], b=[1.0]), less_is_better=False).word == OPEN


def test_alike_asks_all_arms():
    question = Alike(("a", "b"), "base", margin=0.5)
    near, far = [1.1, 2.0, 2.9], [3.1, 4.0, 4.9]
    base = [1.0, 2.0, 3.0]
    alike = question.answer(rows_of(a=near, b=near, base=base), less_is_better=False)
    assert alike.word == TRUE
    assert question.answer(rows_of(a=near, b=far, base=base), False).word == FALSE
    # an arm that has no rows yet may still be far away
    assert question.answer(rows_of(a=near, base=base), False).word == UNKNOWN
    wide = [0.5, 2.0, 3.5]
    assert question.answer(rows_of(a=near, b=wide, base=base), False).word == UNKNOWN


def times(arm, factor):
    return [
        Row(size="small", arm=arm, pair=f"{workload} {seed}", value=factor * (1 + seed + 10 * n))
        for n, workload in enumerate(("digits", "photos"))
        for seed in range(3)
    ]


def test_times_is_a_ratio_of_pairs():
    rows = times("fast", 1.0) + times("slow", 1.7)
    answer = Times("fast", "slow", 1.5).answer(rows, less_is_better=True)
    assert answer.word == TRUE
    assert answer.measured == "slow / fast = 1.70 [1.70, 1.70], 6 pairs, claimed 1.5"
    assert Times("fast", "slow", 2.0).answer(rows, True).word == FALSE
    assert Times("slow", "fast", 1.0).answer(rows, True).word == FALSE
    # in exact ratios the sign-flip test of four pairs cannot reach 5 %
    few = [row for row in rows if row.pair.startswith("digits")]
    assert Times("fast", "slow", 1.5).answer(few, True).word == UNKNOWN
    assert Times("fast", "absent", 1.5).answer(rows, True).word == OPEN


def test_times_of_seeds_without_a_workload_vary():
    """They are one group; as a group each they would look exact."""
    rows = rows_of(fast=[1.0] * 7, slow=[1.0, 1.1, 1.2, 1.3, 1.2, 1.1, 1.0])
    ratio = Times("fast", "slow", 1.6).answer(rows, less_is_better=True).interval
    assert ratio.low < 1.1 < ratio.estimate < 1.15 < ratio.high


def test_one_pair_of_times_answers_nothing():
    answer = Times("fast", "slow", 1.6).answer(rows_of(fast=[1.0], slow=[1.1]), True)
    assert answer.word == UNKNOWN
    assert answer.measured == "slow / fast = 1.10, one pair, claimed 1.6"
