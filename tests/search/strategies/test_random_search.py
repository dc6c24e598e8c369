"""Random search."""

from effjax.search import run


def test_the_whole_space_is_seen(problem):
    found = run("random", problem(100))
    assert len(found.history) == 18
    assert found.point == (2, 1, 1, 1)


def test_seeds_differ(problem):
    first = run("random", problem(4, seed=0))
    same = run("random", problem(4, seed=0))
    other = run("random", problem(4, seed=1))
    assert [e.point for e in first.history] == [e.point for e in same.history]
    assert [e.point for e in first.history] != [e.point for e in other.history]
