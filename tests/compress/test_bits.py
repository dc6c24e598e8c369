"""How many bits each layer gets."""

import itertools

import numpy as np
import pytest

from effjax.compress.bits import allocate, bits_of_action, latency_wall, size_wall
from effjax.errors import UserError


@pytest.mark.parametrize("seed", range(20))
def test_allocation_is_the_best_of_all(seed):
    """Against every choice there is; damages need not fall with the bits."""
    rng = np.random.default_rng(seed)
    choices = (2, 4, 8)
    costs, damages = {}, {}
    for layer in "abcde":
        size = int(rng.integers(1, 50))
        costs[layer] = {bits: bits * size for bits in choices}
        damages[layer] = dict(zip(choices, rng.random(3), strict=True))
    least = sum(cost[2] for cost in costs.values())
    limit = least * rng.uniform(1.0, 4.0)
    found = allocate(damages, costs, limit)

    def cost_of(bits):
        return sum(costs[layer][bit] for layer, bit in zip(costs, bits, strict=True))

    def damage_of(bits):
        return sum(damages[layer][bit] for layer, bit in zip(costs, bits, strict=True))

    fitting = [b for b in itertools.product(choices, repeat=5) if cost_of(b) <= limit]
    assert damage_of(found.values()) == pytest.approx(min(map(damage_of, fitting)), rel=1e-12)
    assert cost_of(found.values()) <= limit


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
        allocate({"a": {2: 0.0}}, {"a": {2: 20}}, 19)


def test_actions():
    assert [bits_of_action(a, 1, 8) for a in (0.0, 0.5, 1.0)] == [0, 4, 8]
