"""A generator of architectures that learns while a search goes on, and proposes what comes next.

It learns from two kinds of points. Those that were evaluated say what a good network is: their
condition is their rank among all values. Those that were only counted say what is within a budget.
It is then asked for the highest rank within the budgets of the search.

Shapes: B points of a batch, N known points, D choices, U budgets, S steps.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.search.generator.network import Writer, drawn, given
from effjax.search.generator.order import order_of
from effjax.search.problem import Problem
from effjax.search.space import Point

STEPS = 120  # each time that it learns on
BATCH = 64
RATE = 5e-3
EVERY = 8  # evaluations after which it learns on
COUNTED = 64  # points that are only counted, where there is a budget
EVEN = 0.05  # of the draws, so that no option dies out

TX = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(RATE, weight_decay=1e-2))

Tree = Any
State = tuple[Tree, Tree]  # parameters, and what the optimizer keeps


class Proposals:
    """Points that a generator draws.

    The same problem with the same history gives the same points, so that a search that was stopped
    goes on to the bit.

    Args:
      problem: whose evaluations it learns from.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        space = problem.space
        counts = tuple(len(choice.options) for choice in space.choices)
        self.writer = Writer(order_of(space.choices), counts)
        self.rng = np.random.default_rng((problem.seed, 3))
        self._learned_from = 0
        self._drawn: list[Point] = []

    def draw(self) -> Point:
        """A point that is an architecture; an even draw before anything is known."""
        seen = len(self.problem.history)
        if seen >= self._learned_from + EVERY:
            self._learn()
            self._learned_from = seen
            self._drawn = []
        if not self._learned_from:
            return self.problem.space.sample(self.rng)
        while not self._drawn:
            points = write(self.writer, self._state[0], self._key(), self._wanted)
            tuples = [tuple(map(int, point)) for point in np.asarray(points)]
            valid = [point for point in tuples if self.problem.space.is_valid(point)]
            # one even draw, so that the loop ends where the generator knows no architecture
            self._drawn = [self.problem.space.sample(self.rng), *valid]
        return self.problem.space.canonical(self._drawn.pop())

    def _key(self) -> jax.Array:
        return jax.random.key(int(self.rng.integers(2**31)))

    # ----------------------------------------------------------------------------- what it sees

    @functools.cached_property
    def _counted(self) -> list[Point]:
        """Points drawn evenly, within the budgets or not."""
        if not self.problem.budgets:
            return []
        if self.problem.table is not None:
            return [row.point for row in self.problem.table.rows]
        return [self.problem.space.sample(self.rng) for _ in range(COUNTED)]

    def _sizes(self, points: Sequence[Point]) -> np.ndarray:
        """[N, U]: ln of cost over limit, for each budget."""
        rows = []
        for point in points:
            row = []
            for budget in self.problem.budgets:
                row.append(math.log(self.problem.cost(point, budget.unit) / budget.limit))
            rows.append(row)
        return np.array(rows, np.float32).reshape(len(points), len(self.problem.budgets))

    def _batches(self) -> tuple[np.ndarray, np.ndarray]:
        """(points [S, B, D], conditions [S, B, 2 + U]); half of them evaluated ones."""
        known = [entry for entry in self.problem.history if math.isfinite(entry.value)]
        ranks = _ranks([entry.value for entry in known])
        points = [entry.point for entry in known] + self._counted
        sizes = self._sizes(points)
        number = len(points)
        is_known = np.arange(number) < len(known)
        chances = is_known / max(1, len(known))
        if self._counted:
            chances = chances / 2 + ~is_known / (2 * len(self._counted))
        rows = self.rng.choice(number, size=(STEPS, BATCH), p=chances / chances.sum())
        # a budget is anything between what a point costs and the most that there is
        above = self.rng.random((STEPS, BATCH, 1)).astype(np.float32)
        most = sizes.max(axis=0, initial=0)
        budgets = sizes[rows] + above * (most - sizes[rows])
        values = np.concatenate([ranks, np.zeros(number - len(known))])
        conditions = np.concatenate(
            [values[rows][..., None], is_known[rows][..., None], budgets], axis=-1
        )
        return np.array(points)[rows], conditions.astype(np.float32)

    @functools.cached_property
    def _wanted(self) -> jax.Array:
        """[B, 2 + U]: the first rank, within every budget."""
        best = [1.0, 1.0, *(0.0 for _ in self.problem.budgets)]
        return jnp.tile(jnp.array(best), (BATCH, 1))

    def _learn(self) -> None:
        points, conditions = self._batches()
        if not self._learned_from:
            pick = given(jnp.asarray(points[0]))
            params = self.writer.init(self._key(), jnp.asarray(conditions[0]), pick)
            self._state = (params, TX.init(params))
        self._state = learn(self.writer, self._state, points, conditions)


@functools.partial(jax.jit, static_argnums=0)
def learn(writer: Writer, state: State, points: jax.Array, conditions: jax.Array) -> State:
    """(parameters, the optimizer's state) after S steps on points [S, B, D]."""

    def loss(params: Tree, points: jax.Array, conditions: jax.Array) -> jax.Array:
        return -writer.apply(params, conditions, given(points))[1].mean()

    def step(state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, None]:
        params, optimizer = state
        updates, optimizer = TX.update(jax.grad(loss)(params, *batch), optimizer, params)
        return (optax.apply_updates(params, updates), optimizer), None

    return jax.lax.scan(step, state, (points, conditions))[0]


@functools.partial(jax.jit, static_argnums=0)
def write(writer: Writer, params: Tree, key: jax.Array, conditions: jax.Array) -> jax.Array:
    """Points [B, D] that are drawn under conditions [B, 2 + U]."""
    return writer.apply(params, conditions, drawn(key, EVEN))[0]


def _ranks(values: Sequence[float]) -> np.ndarray:
    """0 for the least, 1 for the greatest."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return order / max(1, len(values) - 1)
