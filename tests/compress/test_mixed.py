"""Bits under a budget."""

import types

import pytest

from effjax.compress import mixed
from effjax.compress.mixed import mixed_bits, read_budget
from effjax.compress.quantised import Bits, quantise
from effjax.compress.quantised_layers import summarise
from effjax.errors import UserError
from effjax.report import choose_display
from tests.compress.quantised import SHAPE, small_network

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture
def task(network, monkeypatch):
    """As much of a task as is looked at: the network, and images."""
    model, _, images = network
    monkeypatch.setattr(mixed, "first_batches", lambda task, count: [(images, None)])
    return types.SimpleNamespace(model=model, split=types.SimpleNamespace(image_shape=SHAPE))


def test_the_weights_fit_and_rules_hold(network, task):
    model, variables, _ = network
    given = Bits(8, 8, (("conv1", 8),))
    budget = read_budget("size:0.3x")
    display = choose_display(quiet=True)
    rules = mixed_bits(task, variables, given, (2, 4, 8), budget, display)
    bits = Bits(8, 8, given.layers + rules)
    summary = summarise(quantise(model, bits), variables, SHAPE)
    assert summary.bytes <= 0.3 * summary.float_bytes
    assert not any("conv1" in path for path, _ in rules)
    assert {number for _, number in rules} > {2} or len(rules) == 1


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("0.2x", "expected UNIT:AMOUNT"),
        ("macs:0.5x", "bits have another unit"),
        ("size:no", "no positive amount"),
    ],
)
def test_what_is_no_budget_of_bits_is_refused(amount, says):
    with pytest.raises(UserError, match=says):
        read_budget(amount)


def test_a_budget_below_the_fewest_bits_is_refused(network, task):
    _, variables, _ = network
    budget = read_budget("size:10 bytes")
    display = choose_display(quiet=True)
    with pytest.raises(UserError, match="cannot be met: bits 4, 8 cost from"):
        mixed_bits(task, variables, Bits(), (4, 8), budget, display)
