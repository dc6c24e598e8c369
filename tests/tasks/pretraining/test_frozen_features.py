"""Neighbours against DINO's recorded ones; ranks in closed form."""

import numpy as np
import pytest

from effjax.tasks.pretraining.frozen_features import (
    effective_rank,
    fit_probe,
    mean_cosine,
    neighbour_votes,
    share_in_top,
)
from tests.parity.selfsup_check import check_recorded


def test_neighbours_vote_as_recorded():
    check_recorded("knn/", "low_shot/")


def test_a_vote_is_weighed_by_the_cosine():
    train = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, -1.0]])
    votes = neighbour_votes(train, np.array([0, 1, 2]), np.array([[3.0, 0.0]]), 3, 2, 0.5)
    assert votes[0, 0] == pytest.approx(np.exp(2.0))
    assert sorted(votes[0, 1:]) == pytest.approx([0.0, 1.0])
    assert share_in_top(votes, np.array([0]), 1) == 1.0


def test_the_probe_solves_what_is_linear():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(int)
    answers, _ = fit_probe(x[:150], labels[:150], x[150:], 2)
    assert (answers == labels[150:]).mean() > 0.9


def test_rank_counts_directions():
    same = np.tile([[1.0, 2.0, 3.0]], (20, 1))
    assert effective_rank(same) == pytest.approx(1.0, abs=1e-3)
    assert mean_cosine(same) == pytest.approx(1.0)
    apart = np.repeat(np.eye(4), 5, axis=0)
    assert effective_rank(apart) == pytest.approx(4.0, abs=1e-3)
    assert mean_cosine(np.eye(4)) == 0.0
    assert effective_rank(np.zeros((5, 3))) == 1.0
