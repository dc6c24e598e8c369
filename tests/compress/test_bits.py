"""How many bits each layer gets."""

import itertools

import numpy as np
import pytest

from effjax.compress.bits import allocate, bits_of_action, latency_wall, size_wall
from effjax.errors import UserError


def test_allocation_is_the_best_of_all():
    rng = np.random.default_rng(0)
    sizes = {"a": 10, "b": 30, "c": 20}
    damages = {}
    for layer in sizes:
        falling = np.sort(rng.random(3))[::-1]
        damages[layer] = dict(zip((2, 4, 8), falling, strict=True))
    limit = 270
    found = allocate(damages, sizes, limit)

    def total(bits):
        return sum(damages[layer][bit] for layer, bit in zip(sizes, bits))

    fitting = [
        bits
        for bits in itertools.product((2, 4, 8), repeat=3)
        if sum(bit * size for bit, size in zip(bits, sizes.values())) <= limit
    ]
    assert total(found.values()) == pytest.approx(min(map(total, fitting)))
    assert sum(found[layer] * sizes[layer] for layer in sizes) <= limit


def test_walls_lower_the_last_layers_first():
    assert size_wall([4, 4], [10, 10], 70, least=2) == [4, 3]
    cost = lambda bits: sum(w * a for w, a in bits)  # noqa: E731
    assert latency_wall([(4, 4), (4, 4)], cost, 28, least=2) == [[4, 4], [4, 3]]


def test_budgets_that_cannot_be_met_are_refused():
    with pytest.raises(UserError, match="cannot be met: 2 bits a weight take 40"):
        size_wall([4, 4], [10, 10], 39, least=2)
    with pytest.raises(UserError, match="cannot be met"):
        latency_wall([(4, 4)], lambda bits: 100.0, 5, least=2)
    with pytest.raises(UserError, match="cannot be met"):
        allocate({"a": {2: 0.0}}, {"a": 10}, 19)


def test_actions():
    assert [bits_of_action(a, 1, 8) for a in (0.0, 0.5, 1.0)] == [0, 4, 8]
