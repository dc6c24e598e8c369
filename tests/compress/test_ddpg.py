"""An agent for one continuous action a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.ddpg import TARGET_RATE, Agent, Critic, Transitions, start, update

STATE = np.asarray([0.5, 1.0], np.float32)


@pytest.mark.slow
def test_actions_come_to_what_is_rewarded():
    agent = Agent(features=2, least=0.2, warm_up=30, memory=200, seed=0)
    for _ in range(150):
        action = agent.action(STATE)
        assert 0.2 <= action <= 1
        agent.learn([STATE], [action], -abs(action - 0.35))
    late = [agent.action(STATE) for _ in range(5)]
    assert np.abs(np.asarray(late) - 0.35).max() < 0.2


@pytest.mark.slow
def test_an_update_follows_its_equations():
    """The slow networks move by a hundredth; the critic comes to r - b + Q'(s', mu'(s'))."""
    learner = start(jax.random.key(0), jnp.asarray(STATE))
    ones = np.ones((4, 1), np.float32)
    states = np.tile(STATE, (4, 1))
    # an episode of one step: no value follows
    batch = Transitions(states, 0.5 * ones, 2 * ones, 0 * states, 0 * ones)
    after = update(learner, batch, jnp.float32(0.5))
    for old, new, slow in zip(
        *(jax.tree.leaves(tree) for tree in (learner.targets, after.weights, after.targets)),
        strict=True,
    ):
        np.testing.assert_allclose(slow, old + TARGET_RATE * (new - old), atol=1e-7)
    for _ in range(100):
        after = update(after, batch, jnp.float32(0.5))
    value = Critic().apply(after.weights.critic, states, 0.5 * ones)
    np.testing.assert_allclose(value, 1.5, atol=0.05)
