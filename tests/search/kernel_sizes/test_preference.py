"""What a trajectory says: a steady way to other sizes is a preference, a random walk is none."""

import numpy as np
import pytest

from effjax.search.kernel_sizes.preference import directness_of, preference_of, relative_logits
from tests.search.kernel_sizes.conftest import supernet_of

NAMES = [f"search/stages_{n}.blocks_0.token_mixer.dwconv" for n in range(4)]


def rows_of(path):
    return [
        {"step": step, **dict(zip(NAMES, map(float, sizes)))} for step, sizes in enumerate(path, 1)
    ]


def test_directness():
    straight = np.asarray([[0.0, 0.0], [1.0, -1.0], [3.0, -2.0]])
    assert directness_of(straight) == 1
    assert directness_of(straight[[0, 1, 2, 1, 0]]) == 0
    assert directness_of(np.ones((4, 2))) == 0


def test_a_random_walk_is_as_direct_as_is_said():
    steps = np.random.default_rng(0).normal(size=(41, 400))
    assert directness_of(np.cumsum(steps, 0)) == pytest.approx(1 / np.sqrt(40), rel=0.15)


def test_the_budget_alone_is_no_preference():
    """Sizes that all shrink alike, as far as their ranges go, have equal logits."""
    net = supernet_of("convformer_s18")
    path = [np.asarray(net.even_sizes(cost)) for cost in np.linspace(6e4, 3e4, 8)]
    found = preference_of(net, path[-1], rows_of(path))
    assert found.verdict == "none"
    assert found.farthest < 1e-3
    assert "no preference" in found.sentence


def test_a_steady_way_to_other_sizes_is_a_preference():
    net = supernet_of("convformer_s18")
    even = np.asarray(net.even_sizes(3e4))
    path = [even + t * np.asarray([2.5, -2.0, -1.0, 0.0]) for t in np.linspace(0, 1, 12)]
    found = preference_of(net, path[-1], rows_of(path))
    assert found.verdict == "preference"
    assert found.directness > 0.8
    assert found.to_json()["verdict"] == "preference"


def test_back_and_forth_may_be_noise():
    net = supernet_of("convformer_s18")
    even = np.asarray(net.even_sizes(3e4))
    turns = np.asarray([0.0, 1, -1] * 6 + [1.0])
    path = [even + t * np.asarray([2.0, -2.0, 0.0, 0.0]) for t in turns]
    assert preference_of(net, path[-1], rows_of(path)).verdict == "noise"


def test_rows_before_the_sizes_move_do_not_count():
    net = supernet_of("convformer_s18")
    rows = rows_of([np.asarray([5.0, 5, 5, 2])] * 6)
    assert len(relative_logits(net, rows, hold=4)) == 2
    found = preference_of(net, np.asarray([5.0, 5, 5, 2]), rows, hold=4)
    assert found.directness is None
