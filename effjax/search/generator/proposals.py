"""A generator of architectures that learns while a search goes on, and proposes what comes next.

It learns from two kinds of points. Those that were evaluated say what a good network is: their
condition is their rank among all values. Those that were only counted say what is within a budget.
It is then asked for the highest rank within the budgets of the search.

Shapes: B points of a batch, N known points, D choices, U budgets, S steps.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.search.evaluations import Evaluated
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


class State(NamedTuple):
    """What a generator has learned, and what its optimizer keeps."""

    params: Tree
    optimizer: Tree


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
        seen = len(self._evaluated())
        if seen >= self._learned_from + EVERY:
            self._learn()
            self._learned_from = seen
            self._drawn = []
        if not self._learned_from:
            return self.problem.space.sample(self.rng)
        if not self._drawn:
            self._drawn = self._write()
        return self.problem.space.canonical(self._drawn.pop())

    def _write(self) -> list[Point]:
        """Up to B points under the first rank, within every budget."""
        best = [1.0, 1.0, *(0.0 for _ in self.problem.budgets)]
        wanted = jnp.tile(jnp.array(best), (BATCH, 1))
        written = write(self.writer, self._state.params, self._key(), wanted)
        # one even draw, so that there is a point where the generator knows no architecture
        points = [self.problem.space.sample(self.rng)]
        for row in np.asarray(written):
            point = tuple(map(int, row))
            if self.problem.space.is_valid(point):
                points.append(point)
        return points

    def _key(self) -> jax.Array:
        return jax.random.key(int(self.rng.integers(2**31)))

    # ----------------------------------------------------------------------------- what it sees

    def _evaluated(self) -> list[Evaluated]:
        return [entry for entry in self.problem.history if math.isfinite(entry.value)]

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
        rows = np.zeros((len(points), len(self.problem.budgets)))
        for column, budget in enumerate(self.problem.budgets):
            for row, point in enumerate(points):
                cost = self.problem.cost(point, budget.unit)
                rows[row, column] = math.log(cost / budget.limit)
        return rows

    def lessons(self) -> tuple[np.ndarray, np.ndarray]:
        """(points [S, B, D], conditions [S, B, 2 + U]): rank, whether it is known, budgets."""
        evaluated = self._evaluated()
        ranks = _ranks([entry.value for entry in evaluated])
        points = [entry.point for entry in evaluated]
        points += self._counted
        rows, is_known = self._rows(len(evaluated), len(self._counted))
        ranks = np.concatenate([ranks, np.zeros(len(self._counted))])
        # a budget is anything between what a point costs and the most that there is
        sizes = self._sizes(points)
        most = sizes.max(axis=0, initial=0)
        above = self.rng.random((STEPS, BATCH, 1))
        budgets = sizes[rows] + above * (most - sizes[rows])
        told = np.stack([ranks[rows], is_known], axis=-1)
        conditions = np.concatenate([told, budgets], axis=-1)
        return np.array(points)[rows], conditions.astype(np.float32)

    def _rows(self, evaluated: int, counted: int) -> tuple[np.ndarray, np.ndarray]:
        """(places among all points, whether they were evaluated), both [S, B]."""
        shape = (STEPS, BATCH)
        rows = self.rng.integers(evaluated, size=shape)
        if not counted:
            return rows, np.ones(shape)
        others = evaluated + self.rng.integers(counted, size=shape)
        is_known = self.rng.random(shape) < 0.5
        return np.where(is_known, rows, others), is_known

    # --------------------------------------------------------------------------------- learning

    def _learn(self) -> None:
        points, conditions = self.lessons()
        if not self._learned_from:
            pick = given(jnp.asarray(points[0]))
            params = self.writer.init(self._key(), jnp.asarray(conditions[0]), pick)
            self._state = State(params, TX.init(params))
        self._state = learn(self.writer, self._state, points, conditions)


@functools.partial(jax.jit, static_argnums=0)
def learn(
    writer: Writer,
    state: State,
    points: jax.Array,
    conditions: jax.Array,
) -> State:
    """The state after S steps on points [S, B, D] under conditions [S, B, 2 + U]."""

    def loss(params: Tree, points: jax.Array, conditions: jax.Array) -> jax.Array:
        _, log_probabilities = writer.apply(params, conditions, given(points))
        return -log_probabilities.mean()

    def step(state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, None]:
        grads = jax.grad(loss)(state.params, *batch)
        updates, optimizer = TX.update(grads, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        return State(params, optimizer), None

    learned, _ = jax.lax.scan(step, state, (points, conditions))
    return learned


@functools.partial(jax.jit, static_argnums=0)
def write(
    writer: Writer,
    params: Tree,
    key: jax.Array,
    conditions: jax.Array,
) -> jax.Array:
    """Points [B, D] that are drawn under conditions [B, 2 + U]."""
    points, _ = writer.apply(params, conditions, drawn(key, EVEN))
    return points


def _ranks(values: Sequence[float]) -> np.ndarray:
    """For each value the share of the others that are less."""
    below = np.less.outer(values, values).sum(0)
    return below / max(1, len(values) - 1)
