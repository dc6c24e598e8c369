"""One trial as pure functions: start, some steps, an evaluation.

These are what is compiled, alone or under `vmap` over hyperparameters and seeds. Order of examples
and every random draw are functions of (seed, step), so a trial is the same in any company.

Shapes: S steps of a segment, B batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.bench.problems import Problem
from effjax.config import View


class MemberState(NamedTuple):
    """What a trial carries from step to step."""

    params: Any
    model_state: Any
    opt_state: Any
    step: jax.Array  # int32 []


@dataclass(frozen=True)
class Recipe:
    """What all members of one program have in common.

    Attributes:
      name: what `optim.create` calls the optimizer.
      fixed: settings that are the same for all, part of the program.
      traced: names of the settings that differ, arguments of the program.
      schedule, warmup_percent, max_steps: of the learning rate.
    """

    name: str
    fixed: Mapping[str, Any]
    traced: tuple[str, ...]
    schedule: str
    warmup_percent: float
    max_steps: int

    def transform(self, settings: Mapping[str, Any]) -> optax.GradientTransformationExtraArgs:
        """The optimizer with the traced `settings`; its learning rate follows the schedule."""
        arguments = {**self.fixed, **settings}
        peak = arguments.pop("learning_rate")
        shape = optim.create_schedule(
            self.schedule,
            peak=1.0,
            total_steps=self.max_steps,
            warmup_steps=round(self.warmup_percent / 100.0 * self.max_steps),
        )
        # weights decay, biases and scales do not: as `effjax train` has it by default
        return optim.create(
            self.name, lambda count: peak * shape(count), mask=_decayed, **arguments
        )


def _decayed(params: Any) -> Any:
    return jax.tree.map(lambda p: p.ndim != 1, params)


@dataclass(frozen=True)
class Member:
    """The functions of one trial; `settings` is a dict of scalars, `seed` an int32 scalar."""

    problem: Problem
    recipe: Recipe

    def init(self, seed: jax.Array) -> tuple[Any, Any]:
        """(params, model_state), the same for every optimizer."""
        return self.problem.init(jax.random.key(seed))

    def start(self, settings: Mapping[str, Any], params: Any, model_state: Any) -> MemberState:
        """The state before the first update."""
        opt_state = self.recipe.transform(settings).init(params)
        return MemberState(params, model_state, opt_state, jnp.zeros((), jnp.int32))

    def train(
        self,
        state: MemberState,
        settings: Mapping[str, Any],
        seed: jax.Array,
        data: Any,
        order: jax.Array,
        count: jax.Array,
    ) -> tuple[MemberState, jax.Array]:
        """`count` <= S updates on the examples `order` [S, B] of `data`.

        Returns:
          The state and the losses [S], of which `count` are set.
        """
        tx = self.recipe.transform(settings)
        needs = optim.optimizer_info(self.recipe.name).needs
        if unknown := set(needs) - {"value", "grad", "value_fn", "obj_fn"}:
            raise ValueError(f"{self.recipe.name} needs {', '.join(unknown)}, which no trial has")
        draws = jax.random.fold_in(jax.random.key(seed), 1)

        def one(i: jax.Array, carry: tuple) -> tuple:
            state, losses = carry
            batch = {name: array[order[i]] for name, array in data.items()}
            key = jax.random.fold_in(draws, state.step)

            def objective(params: Any) -> tuple[jax.Array, Any]:
                return self.problem.loss(params, state.model_state, batch, key, state.step)

            gradient = jax.value_and_grad(objective, has_aux=True)
            (value, model_state), grads = gradient(state.params)
            extras = {
                "value": value,
                "grad": grads,
                "value_fn": lambda p: objective(p)[0],
                "obj_fn": lambda p: objective(p)[0],
            }
            extras = {name: extra for name, extra in extras.items() if name in needs}
            updates, opt_state = tx.update(grads, state.opt_state, state.params, **extras)
            params = optax.apply_updates(state.params, updates)
            new = MemberState(params, model_state, opt_state, state.step + 1)
            return new, losses.at[i].set(value.astype(jnp.float32))

        losses = jnp.zeros(order.shape[0], jnp.float32)
        return jax.lax.fori_loop(0, count, one, (state, losses))

    def evaluated(self, state: MemberState) -> Any:
        """The parameters that the optimizer says are to be evaluated."""
        return optim.eval_params(state.params, state.opt_state)

    def evaluate(self, params: Any, model_state: Any, held_out: Any) -> dict[str, jax.Array]:
        """Metrics on held-out data."""
        return self.problem.evaluate(params, model_state, held_out)


def example_order(examples: int, batch_size: int, seed: int, steps: int) -> np.ndarray:
    """int32 [steps, B]: every epoch its own permutation, drawn by (seed, epoch).

    A last part of an epoch that makes no batch is left out. For functions ([steps, 0]) there is
    nothing to choose.
    """
    if examples == 0:
        return np.zeros((steps, 0), np.int32)
    size = min(batch_size, examples)
    per_epoch = examples // size
    epochs = [
        np.random.default_rng((seed, epoch)).permutation(examples)[: per_epoch * size]
        for epoch in range(-(-steps // per_epoch))
    ]
    return np.concatenate(epochs).reshape(-1, size)[:steps].astype(np.int32)


def make_recipe(name: str, settings: list[Mapping[str, Any]], schedule: str, w: View) -> Recipe:
    """The recipe of trials with these settings: numbers that differ are traced where they can be.

    The caller splits trials so that whatever is not in `traced` is the same for all of them.
    """
    traced = tuple(key for key in settings[0] if _differs(key, settings))
    fixed = {key: value for key, value in settings[0].items() if key not in traced}
    return Recipe(name, fixed, traced, schedule, w.warmup_percent, w.max_steps)


def _differs(key: str, settings: list[Mapping[str, Any]]) -> bool:
    return key == "learning_rate" or any(s.get(key) != settings[0].get(key) for s in settings)


def traceable(name: str, settings: Mapping[str, Any], key: str, schedule: str, w: View) -> bool:
    """Whether the optimizer takes the number `settings[key]` as an argument of the program."""
    value = settings[key]
    if isinstance(value, bool) or not isinstance(value, float):
        return False
    rest = {k: v for k, v in settings.items() if k != key}
    recipe = Recipe(name, rest, (key,), schedule, w.warmup_percent, w.max_steps)
    params = {"a": {"kernel": jnp.ones((4, 4)), "bias": jnp.ones(4)}}

    def update(number: jax.Array) -> Any:
        tx = recipe.transform({key: number})
        return tx.update(params, tx.init(params), params)[0]

    try:
        jax.eval_shape(update, jax.ShapeDtypeStruct((), jnp.float32))
    except (jax.errors.ConcretizationTypeError, TypeError, ValueError):
        return False
    return True
