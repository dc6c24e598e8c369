"""What PR-DARTS asks of mixers, in closed form, and what gets no gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.search.cells import gates
from effjax.search.mixers.pr_darts import MixerPrDartsSearch, regulariser
from effjax.search.mixers.supernet import blocks_of, mixed_architecture, weights_tree
from tests.search.mixers.small import CHOICES, FIRST, SECOND, space_of, task_config

SPACE = space_of(*CHOICES)
BLOCKS = blocks_of(SPACE, (0, 0))
ALPHAS = {FIRST: jnp.array([0.5, 0.0, -0.5, 1.0]), SECOND: jnp.array([0.2, 0.1])}


def paid(first, second, penalty):
    selected = {FIRST: jnp.array(first), SECOND: jnp.array(second)}
    return float(regulariser(ALPHAS, selected, 1.0, penalty, BLOCKS))


def test_groups_pay_and_mixing_from_block_to_block_is_rewarded():
    q = {name: np.asarray(gates.open_probability(alpha, 1.0)) for name, alpha in ALPHAS.items()}
    penalty = gates.Penalty(1.0, 0.5, 0.25, 0.2)
    # identity and depthwise3 beside depthwise5
    skips, first = q[FIRST][0], q[FIRST][2]
    second = q[SECOND][0]
    wanted = skips - 0.2 + 0.5 * ((first + second) / 2 - 0.2) - 0.25 * first * second
    assert paid([1, 0, 1, 0], [1, 0], penalty) == pytest.approx(wanted, rel=1e-6)
    # pooling beside identity: no block mixes
    wanted = q[SECOND][1] - 0.2 + 0.5 * (q[FIRST][1] - 0.2)
    assert paid([0, 1, 0, 0], [0, 1], penalty) == pytest.approx(wanted, rel=1e-6)
    # a block without a mixing option is left out of the product
    wanted = -(q[FIRST][2] + q[FIRST][3]) / 2
    reward = gates.Penalty(0.0, 0.0, 1.0, 0.0)
    assert paid([0, 0, 1, 1], [0, 1], reward) == pytest.approx(wanted, rel=1e-6)


def test_an_option_that_is_not_selected_gets_no_gradient():
    task = MixerPrDartsSearch(View(task_config("mixer_pr_darts", selected=1, dropped=0.0)))
    model = SPACE.model((0, 0), num_classes=2)
    supernet = model.clone(architecture=mixed_architecture(SPACE.base, BLOCKS))
    images = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4, 3)), jnp.float32)
    variables = jax.jit(supernet.init)(jax.random.key(0), images)
    number = jnp.int32(0)

    @jax.jit
    @jax.grad
    def slope(alphas, key):
        weights = task.operation_weights(alphas, key, number)
        return jnp.square(
            supernet.apply({**variables, **weights_tree(BLOCKS, weights)}, images)
        ).sum()

    moved = 0
    for seed in range(8):
        key = jax.random.key(seed)
        weights = task.operation_weights(ALPHAS, key, number)
        found = slope(ALPHAS, key)
        for name, own in weights.items():
            assert own.sum() == 1
            assert (found[name][own == 0] == 0).all()
        moved += int((found[FIRST] != 0).sum())
    assert moved > 0


def test_more_mixers_than_a_block_has_cannot_be_selected():
    config = task_config("mixer_pr_darts", selected=3)
    with pytest.raises(UserError, match=f"selected = 3: {SECOND} has 2 options"):
        MixerPrDartsSearch(View(config))
