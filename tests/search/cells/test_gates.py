"""Gates of PR-DARTS: closed forms, Monte Carlo, and what gets no gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.cells import gates
from effjax.search.cells.supernet import CellSpace

SPACE = CellSpace(nodes=2)  # five edges, the chain is 2<-1 and 3<-2
EDGES, OPERATIONS = len(SPACE.edges), len(SPACE.operations)


@pytest.mark.parametrize("tau", [1.0, 0.1])
@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0])
def test_a_gate_is_open_as_often_as_its_probability_says(alpha, tau):
    uniform = (np.arange(100_000) + 0.5) / 100_000  # every quantile once
    opened = gates.gate(jnp.full(100_000, alpha), jnp.asarray(uniform, jnp.float32), tau)
    share = float((opened > 0).mean())
    assert share == pytest.approx(float(gates.open_probability(alpha, tau)), abs=1e-3)
    assert share == pytest.approx(1 / (1 + np.exp(-alpha - tau * np.log(11))), abs=1e-3)


def test_the_largest_gates_are_selected_and_the_key_chooses_among_equal_ones():
    opened = jnp.array([[0.2, 0.9, 0.0, 0.9, 0.5]])
    assert gates.select(opened, 2).tolist() == [[0, 1, 0, 1, 0]]
    dropped = jnp.array([[0.0, 1.0, 0.0, 0.0, 0.0]])
    assert gates.select(opened, 2, dropped).tolist() == [[0, 0, 0, 1, 1]]
    equal = jnp.ones((1000, 5))
    chosen = gates.select(equal, 2, key=jax.random.key(0))
    assert (chosen.sum(-1) == 2).all()
    np.testing.assert_allclose(chosen.mean(0), 0.4, atol=0.05)


def test_what_is_not_selected_has_weight_zero_and_no_gradient():
    alpha = jnp.array([[0.0, 0.3, -0.2, 9.0]])
    uniform = jnp.array([[0.5, 0.6, 0.4, 0.9]])
    selected = jnp.array([[1.0, 0.0, 0.0, 1.0]])

    def mixed(alpha):
        weights = gates.straight_through(gates.gate(alpha, uniform, 1.0), selected)
        return (weights * jnp.array([[3.0, 5.0, 7.0, 11.0]])).sum(), weights

    slope, weights = jax.grad(mixed, has_aux=True)(alpha)
    assert weights.tolist() == [[1, 0, 0, 1]]
    # the last gate is selected but clipped at 1: it does not move either
    assert slope[0, 0] == pytest.approx(3 * 1.2 * 0.25)
    assert slope[0, 1:].tolist() == [0, 0, 0]


def selection(*chosen):
    """[E, O] of pairs (edge, operation)."""
    made = np.zeros((EDGES, OPERATIONS), np.float32)
    for edge, name in chosen:
        made[SPACE.edges.index(edge), SPACE.operations.index(name)] = 1
    return {"normal": jnp.asarray(made), "reduce": jnp.asarray(made)}


def paid(chosen, penalty, tau=1.0):
    alphas = {kind: jnp.zeros((EDGES, OPERATIONS)) for kind in ("normal", "reduce")}
    return float(gates.regulariser(alphas, chosen, tau, penalty, SPACE))


def test_groups_pay_for_what_is_above_the_margin_and_a_chain_is_rewarded():
    q = 11 / 12  # of alpha 0 at tau 1
    skips = selection(((0, 2), "skip_connect"), ((0, 3), "skip_connect"))
    assert paid(skips, gates.Penalty(1.0, 0.5, 0.25, 0.2)) == pytest.approx(q - 0.2)
    chain = selection(((1, 2), "sep_conv_3x3"), ((2, 3), "dil_conv_3x3"))
    wanted = 0.5 * (q - 0.2) - 0.25 * q * q
    assert paid(chain, gates.Penalty(1.0, 0.5, 0.25, 0.2)) == pytest.approx(wanted)
    # an edge of the chain without a convolution is left out; without any there is no reward
    half = selection(((1, 2), "sep_conv_3x3"), ((2, 3), "skip_connect"))
    assert paid(half, gates.Penalty(0.0, 0.0, 1.0, 0.0)) == pytest.approx(-q)
    assert paid(skips, gates.Penalty(0.0, 0.0, 1.0, 0.0)) == 0
    assert paid(selection(), gates.Penalty(1.0, 1.0, 1.0, 0.0)) == 0


def test_the_temperature_falls_on_a_line():
    found = [float(gates.temperature(1.0, 0.1, done)) for done in (0.0, 0.5, 1.0, 2.0)]
    assert found == pytest.approx([1.0, 0.55, 0.1, 0.1])
