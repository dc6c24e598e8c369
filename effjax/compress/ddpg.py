"""A small agent for one continuous action a step: deep deterministic policy gradients, as AMC's.

Lillicrap et al. 2016, https://arxiv.org/abs/1509.02971
He et al. 2018 (AMC), https://arxiv.org/abs/1802.03494

    y = r - b + Q'(s', mu'(s'))        b: the average of earlier rewards; no discount
    critic: the mean of (Q(s, a) - y)^2
    actor:  the mean of -Q(s, mu(s))
    Q' <- Q' + 0.01 (Q - Q'), and mu' alike

Shapes: B transitions of a batch, F features of a state.
"""

import collections
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from scipy.stats import truncnorm

HIDDEN = 300
BATCH = 64
ACTOR_RATE = 1e-4
CRITIC_RATE = 1e-3
TARGET_RATE = 0.01  # how far the slow networks follow at each update
BASELINE_DECAY = 0.95
NOISE = 0.5  # standard deviation of an action in the first episode after the warm-up
NOISE_DECAY = 0.95  # its factor from one episode to the next


class Actor(nn.Module):
    """States [B, F] -> actions [B, 1] between 0 and 1."""

    @nn.compact
    def __call__(self, states: jax.Array) -> jax.Array:
        y = nn.relu(nn.Dense(HIDDEN)(states))
        y = nn.relu(nn.Dense(HIDDEN)(y))
        return nn.sigmoid(nn.Dense(1)(y))


class Critic(nn.Module):
    """States [B, F] and actions [B, 1] -> values [B, 1]."""

    @nn.compact
    def __call__(self, states: jax.Array, actions: jax.Array) -> jax.Array:
        y = nn.relu(nn.Dense(HIDDEN)(states) + nn.Dense(HIDDEN)(actions))
        y = nn.relu(nn.Dense(HIDDEN)(y))
        return nn.Dense(1)(y)


class Transitions(NamedTuple):
    """Steps of episodes; the last step of an episode has `goes_on` 0."""

    states: np.ndarray  # [B, F]
    actions: np.ndarray  # [B, 1]
    rewards: np.ndarray  # [B, 1]
    next_states: np.ndarray  # [B, F]
    goes_on: np.ndarray  # [B, 1]


class Weights(NamedTuple):
    """Of both networks."""

    actor: dict
    critic: dict


class Learner(NamedTuple):
    """What an update changes."""

    weights: Weights
    targets: Weights
    opt_state: Weights


OPTIMIZERS = Weights(optax.adam(ACTOR_RATE), optax.adam(CRITIC_RATE))


@jax.jit
def start(key: jax.Array, state: jax.Array) -> Learner:
    """A fresh learner for states [F]."""
    actor_key, critic_key = jax.random.split(key)
    actor = Actor().init(actor_key, state[None])
    critic = Critic().init(critic_key, state[None], jnp.zeros((1, 1)))
    weights = Weights(actor, critic)
    opt_state = Weights(OPTIMIZERS.actor.init(actor), OPTIMIZERS.critic.init(critic))
    return Learner(weights, weights, opt_state)


@jax.jit
def act(actor: dict, state: jax.Array) -> jax.Array:
    """The action at a state [F], without noise."""
    return Actor().apply(actor, state[None])[0, 0]


@jax.jit
def update(learner: Learner, batch: Transitions, baseline: jax.Array) -> Learner:
    """One step of the critic, one of the actor, and the slow networks follow."""
    weights, targets, opt_state = learner
    next_actions = Actor().apply(targets.actor, batch.next_states)
    next_values = Critic().apply(targets.critic, batch.next_states, next_actions)
    wanted = batch.rewards - baseline + batch.goes_on * next_values

    def critic_loss(critic: dict) -> jax.Array:
        values = Critic().apply(critic, batch.states, batch.actions)
        return ((values - wanted) ** 2).mean()

    grads = jax.grad(critic_loss)(weights.critic)
    steps, critic_state = OPTIMIZERS.critic.update(grads, opt_state.critic)
    critic = optax.apply_updates(weights.critic, steps)

    def actor_loss(actor: dict) -> jax.Array:
        actions = Actor().apply(actor, batch.states)
        return -Critic().apply(critic, batch.states, actions).mean()

    grads = jax.grad(actor_loss)(weights.actor)
    steps, actor_state = OPTIMIZERS.actor.update(grads, opt_state.actor)
    actor = optax.apply_updates(weights.actor, steps)

    weights = Weights(actor, critic)
    targets = optax.incremental_update(weights, targets, TARGET_RATE)
    return Learner(weights, targets, Weights(actor_state, critic_state))


class Agent:
    """Acts with noise that fades, remembers, and learns after each episode.

    Args:
      features: F.
      least: the smallest action; the largest is 1.
      warm_up: episodes whose actions are drawn uniformly.
      memory: steps that are remembered.
    """

    def __init__(self, features: int, least: float, warm_up: int, memory: int, seed: int):
        self.learner = start(jax.random.key(seed), jnp.zeros(features))
        self.rng = np.random.default_rng(seed)
        self.least = least
        self.warm_up = warm_up
        self.memory: collections.deque[tuple] = collections.deque(maxlen=memory)
        self.episodes = 0
        self.baseline: float | None = None

    def action(self, state: np.ndarray) -> float:
        """The action at a state [F]: normal around the actor's, cut at both ends."""
        if self.episodes < self.warm_up:
            return float(self.rng.uniform(self.least, 1.0))
        output = float(act(self.learner.weights.actor, jnp.asarray(state)))
        mean = self.least + (1 - self.least) * output
        spread = NOISE * NOISE_DECAY ** (self.episodes - self.warm_up)
        # scipy wants the ends in standard deviations from the mean
        low = (self.least - mean) / spread
        high = (1.0 - mean) / spread
        drawn = truncnorm.rvs(low, high, loc=mean, scale=spread, random_state=self.rng)
        # rounding may pass an end
        return float(np.clip(drawn, self.least, 1.0))

    def learn(self, states: list[np.ndarray], actions: list[float], reward: float) -> None:
        """Remembers an episode, every step of which has its reward, and makes as many updates.

        Args:
          states: [F] of each step.
          actions: what was done, which a wall may have changed.
        """
        self._remember(states, actions, reward)
        old = reward if self.baseline is None else self.baseline
        self.baseline = BASELINE_DECAY * old + (1 - BASELINE_DECAY) * reward
        self.episodes += 1
        if self.episodes < self.warm_up:
            return
        for _ in states:
            batch = self._draw_batch()
            self.learner = update(self.learner, batch, jnp.float32(self.baseline))

    def _remember(self, states: list[np.ndarray], actions: list[float], reward: float) -> None:
        nothing = np.zeros_like(states[0])  # behind the last step
        following = [*states[1:], nothing]
        goes_on = [1.0] * len(states)
        goes_on[-1] = 0.0
        for state, action, after, more in zip(states, actions, following, goes_on, strict=True):
            # the actor's output lies between 0 and 1
            output = (action - self.least) / (1 - self.least)
            self.memory.append((state, [output], [reward], after, [more]))

    def _draw_batch(self) -> Transitions:
        """A batch of what is remembered; a step may come twice."""
        numbers = self.rng.integers(len(self.memory), size=BATCH)
        steps = [self.memory[number] for number in numbers]
        columns = [np.asarray(column, np.float32) for column in zip(*steps)]
        return Transitions(*columns)
