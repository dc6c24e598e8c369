"""How often an epoch shows each class, and that it is a function of (seed, epoch) alone."""

import pickle

import numpy as np
import pytest

from effjax.data.balance import BalancedOrder, shown_in_epoch
from effjax.data.order import rows_of_step

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


@pytest.mark.parametrize(
    ("balance", "shown"), [(0.0, [60, 30, 10]), (0.5, [46, 34, 20]), (1.0, [34, 33, 33])]
)
def test_how_often_each_class_is_shown(balance, shown):
    sizes = np.array([60, 30, 10])
    found = shown_in_epoch(sizes, balance)
    assert found.sum() == 100
    assert np.abs(found - shown).max() <= 1
    rows = BalancedOrder(LABELS, balance, seed=0)(3)
    assert np.bincount(LABELS[rows]).tolist() == found.tolist()


def test_examples_of_a_class_are_shown_equally_often():
    rows = BalancedOrder(LABELS, 1.0, seed=0)(0)
    counts = np.bincount(rows, minlength=100)
    assert set(counts[:60]) == {0, 1}
    assert set(counts[90:]) == {3, 4}


def test_an_epoch_is_a_function_of_seed_and_number():
    order = BalancedOrder(LABELS, 1.0, seed=0)
    again = pickle.loads(pickle.dumps(order))
    assert order(1).tolist() == again(1).tolist()
    assert order(1).tolist() != order(2).tolist()
    assert order(1).tolist() != BalancedOrder(LABELS, 1.0, seed=1)(1).tolist()


def test_batches_go_through_it():
    order = BalancedOrder(LABELS, 1.0, seed=0)
    slots = np.arange(40)
    rows = [rows_of_step(0, step, slots, 40, 1, 100, order) for step in range(5)]
    expected = np.concatenate([order(0), order(1)])
    assert np.concatenate(rows).tolist() == expected.tolist()
