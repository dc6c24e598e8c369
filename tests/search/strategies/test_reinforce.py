"""REINFORCE: better than random on values that add up; its gradient by differences."""

import numpy as np

from effjax.search import run
from effjax.search.strategies.reinforce import _learn, probabilities
from tests.search.strategies.oracle import BEST, Numbers, additive_problem, evaluations_until_best


def test_fewer_evaluations_than_random():
    random = evaluations_until_best("random")
    found = evaluations_until_best("reinforce")
    assert np.median(found) < 0.6 * np.median(random)


def test_probabilities_at_the_end():
    found = run("reinforce", additive_problem(150, seed=0))
    likeliest = tuple(int(np.argmax(p)) for p in found.notes["probabilities"].values())
    assert sum(a == b for a, b in zip(likeliest, BEST)) >= 3


def test_a_step_is_the_gradient():
    class Asked:
        space = Numbers()

    rng = np.random.default_rng(0)
    logits = [rng.standard_normal(len(choice.options)) for choice in Asked.space.choices]
    point = (1, 0, 2, 3)

    def gain(own, index):
        p = probabilities(own)
        return 0.7 * np.log(p[index]) - 0.1 * (p * np.log(p)).sum()

    before = [own.copy() for own in logits]
    _learn(Asked, logits, point, reward=0.7, learning_rate=1.0, entropy=0.1)
    for old, new, index in zip(before, logits, point):
        for place in range(len(old)):
            step = np.zeros(len(old))
            step[place] = 1e-6
            slope = (gain(old + step, index) - gain(old - step, index)) / 2e-6
            assert abs(new[place] - old[place] - slope) < 1e-8
