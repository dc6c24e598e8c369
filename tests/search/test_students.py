"""Students of a point: fewer layers, then smaller ones."""

import numpy as np
import pytest

from effjax.search.choices import Choice
from effjax.search.objectives import ByFunction
from effjax.search.points import Space
from effjax.search.problem import Problem
from effjax.search.students import make_student, removing_options, smaller_options
from effjax.search.verb import run

DEPTHS = Choice("depths.1", (1, 2, 3))
MIXERS = Choice("stages_1.blocks_0.mixer", ("attention", "identity", "pooling"))
WINDOWS = Choice("stages_1.blocks_0.kernel_sizes", (7, 3, 5))


class Blocks(Space):
    name = "blocks"

    def __init__(self):
        super().__init__([DEPTHS, MIXERS, WINDOWS])

    def decode(self, point):
        return point

    def is_idle(self, point):
        return (False, False, self.options(point)[MIXERS.path] == "identity")

    def resolution(self, point):
        return None


@pytest.mark.parametrize(
    ("choice", "index", "removing", "smaller"),
    [
        (DEPTHS, 2, [0, 1], [0, 1]),
        (DEPTHS, 0, [], []),
        (MIXERS, 0, [1], []),
        (MIXERS, 1, [], []),
        (WINDOWS, 0, [], [1, 2]),
        (WINDOWS, 1, [], []),
    ],
)
def test_what_an_option_may_lose(choice, index, removing, smaller):
    assert removing_options(choice, index) == removing
    assert smaller_options(choice, index) == smaller


def test_students_lose_layers_and_size_and_gain_nothing():
    space = Blocks()
    rng = np.random.default_rng(0)
    parent = (2, 0, 0)
    students = [make_student(space, parent, rng) for _ in range(300)]
    assert parent not in students
    for depth, mixer, window in students:
        assert mixer in (0, 1)
        # a layer always goes, and the window shrinks unless it went with its mixer
        assert depth < 2 or mixer == 1
        assert WINDOWS.options[window] < 7 or mixer == 1
    lost = np.mean([(depth < 2) + (mixer == 1) for depth, mixer, _ in students])
    # two layers may go, each with one half; where neither went, one is drawn
    assert lost == pytest.approx(1.25, abs=0.1)


def test_the_smallest_point_has_no_smaller_student():
    space = Blocks()
    smallest = space.canonical((0, 1, 1))
    assert make_student(space, smallest, np.random.default_rng(0)) == smallest


def test_evolution_takes_students():
    """A search in which everything that is left out helps."""
    space = Blocks()

    def value(point):
        return float(-sum(point[:1]) - (point[1] != 1))

    problem = Problem(space, ByFunction(value), 12, seed=0)
    found = run("evolution", problem, population=4, students=1.0)
    assert found.value == 0.0
