"""Bits under a budget."""

import json
import types

import pytest

from effjax.compress import mixed
from effjax.compress.mixed import mixed_bits, read_budget
from effjax.compress.quantised import Bits, quantise
from effjax.compress.quantised_layers import layers_of, summarise
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


def table_of(network, tmp_path):
    """A device on which each bit of a layer takes a microsecond, whatever its size."""
    model, variables, _ = network
    paths = [layer.path for layer in layers_of(model, variables, SHAPE)]
    path = tmp_path / "table.json"
    row = {str(bits): bits / 1000 for bits in (2, 4, 8, 32)}
    path.write_text(json.dumps(dict.fromkeys(paths, row)))
    return path, paths


def test_the_time_fits_by_a_given_table(network, task, tmp_path):
    _, variables, _ = network
    table, paths = table_of(network, tmp_path)
    given = Bits(8, 8, (("conv1", 8),))
    display = choose_display(quiet=True)
    limit = 5 * len(paths) / 1000
    rules = mixed_bits(
        task, variables, given, (2, 4, 8), read_budget(f"latency:{limit} ms"), display, table
    )
    held = len(paths) - len(rules)
    assert held > 0
    assert sum(bits for _, bits in rules) + 8 * held <= 5 * len(paths)
    # a share of 32 bits everywhere; the same limit
    share = read_budget(f"latency:{5 / 32}x")
    assert mixed_bits(task, variables, given, (2, 4, 8), share, display, table) == rules


def test_a_share_needs_the_time_in_floating_point(network, task, tmp_path):
    _, variables, _ = network
    table, _ = table_of(network, tmp_path)
    table.write_text(table.read_text().replace('"32"', '"16"'))
    display = choose_display(quiet=True)
    with pytest.raises(UserError, match="the table needs 32 bits of every layer"):
        mixed_bits(task, variables, Bits(), (4, 8), read_budget("latency:0.5x"), display, table)
