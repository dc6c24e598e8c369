"""One trial as pure functions: start, some steps, an evaluation.

These are what is compiled, alone or under `vmap` over hyperparameters and seeds. The order of
examples and every random draw are functions of (seed, step), so that a trial's result does not
depend on which trials run beside it.

Shapes: N examples, S steps of a segment, B batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.bench.problems import Problem
from effjax.config import View

Settings = Mapping[str, Any]
# what `Member.train` can hand to an optimizer that needs more than gradients
AVAILABLE = frozenset(("value", "grad", "value_fn", "obj_fn"))


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
    fixed: Settings
    traced: tuple[str, ...]
    schedule: str
    warmup_percent: float
    max_steps: int  # to which the schedule comes down

    def transform(self, settings: Settings) -> optax.GradientTransformationExtraArgs:
        """The optimizer with the traced `settings`; its learning rate follows the schedule."""
        arguments = {**self.fixed, **settings}
        peak = arguments.pop("learning_rate")
        warmup = self.warmup_percent / 100.0 * self.max_steps
        # a schedule of peak 1: the peak itself may be an argument of the program
        shape = optim.create_schedule(
            self.schedule, peak=1.0, total_steps=self.max_steps, warmup_steps=round(warmup)
        )

        def learning_rate(count: jax.Array) -> jax.Array:
            return peak * shape(count)

        return optim.create(self.name, learning_rate, mask=decay_mask, **arguments)


def decay_mask(params: Any) -> Any:
    """Weights decay, biases and scales do not: as `effjax train` has it by default."""
    return jax.tree.map(lambda p: p.ndim != 1, params)


@dataclass(frozen=True)
class Member:
    """The functions of one trial; `settings` is a dict of scalars, `seed` an int32 scalar."""

    problem: Problem
    recipe: Recipe

    def init(self, seed: jax.Array) -> tuple[Any, Any]:
        """(params, model_state), the same for every optimizer."""
        key = jax.random.key(seed)
        return self.problem.init(key)

    def start(self, settings: Settings, params: Any, model_state: Any) -> MemberState:
        """The state before the first update."""
        tx = self.recipe.transform(settings)
        return MemberState(
            params=params,
            model_state=model_state,
            opt_state=tx.init(params),
            step=jnp.zeros((), jnp.int32),
        )

    def train(
        self,
        state: MemberState,
        settings: Settings,
        seed: jax.Array,
        data: Any,
        order: jax.Array,
        count: jax.Array,
    ) -> tuple[MemberState, jax.Array]:
        """`count` <= S updates on the examples `order` [S, B] of `data`.

        Returns:
          The state and the losses [S], of which `count` are set.

        Raises:
          ValueError: the optimizer needs something that no trial has.
        """
        tx = self.recipe.transform(settings)
        needs = set(optim.optimizer_info(self.recipe.name).needs)
        if needs - AVAILABLE:
            missing = ", ".join(needs - AVAILABLE)
            raise ValueError(f"{self.recipe.name} needs {missing}, which no trial has")
        # 1: the key itself has drawn the initial parameters
        draws = jax.random.fold_in(jax.random.key(seed), 1)

        def one_step(i: jax.Array, carry: tuple) -> tuple:
            state, losses = carry
            rows = order[i]  # [B]
            batch = {name: array[rows] for name, array in data.items()}
            # by the step of the whole run: it does not matter where segments end
            key = jax.random.fold_in(draws, state.step)
            new, value = self.update(state, batch, key, tx, needs)
            return new, losses.at[i].set(value.astype(jnp.float32))

        losses = jnp.zeros(order.shape[0], jnp.float32)
        # a loop of `count` steps, not of S: the last segment may be shorter
        return jax.lax.fori_loop(0, count, one_step, (state, losses))

    def update(
        self,
        state: MemberState,
        batch: Any,
        key: jax.Array,
        tx: optax.GradientTransformationExtraArgs,
        needs: set[str],
    ) -> tuple[MemberState, jax.Array]:
        """One update; returns the new state and the loss before it."""

        def objective(params: Any) -> tuple[jax.Array, Any]:
            return self.problem.loss(params, state.model_state, batch, key, state.step)

        def loss_alone(params: Any) -> jax.Array:
            return objective(params)[0]

        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, model_state), grads = gradient(state.params)
        available = {
            "value": value,
            "grad": grads,
            "value_fn": loss_alone,
            "obj_fn": loss_alone,
        }
        extras = {name: extra for name, extra in available.items() if name in needs}
        updates, opt_state = tx.update(grads, state.opt_state, state.params, **extras)
        new = MemberState(
            params=optax.apply_updates(state.params, updates),
            model_state=model_state,
            opt_state=opt_state,
            step=state.step + 1,
        )
        return new, value

    def evaluated(self, state: MemberState) -> Any:
        """The parameters that the optimizer wants evaluated, such as its average."""
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
    batches = examples // size  # of an epoch
    needed = -(-steps // batches)  # rounded up
    epochs = []
    for epoch in range(needed):
        rows = np.random.default_rng((seed, epoch)).permutation(examples)
        epochs.append(rows[: batches * size])
    order = np.concatenate(epochs).reshape(-1, size)
    return order[:steps].astype(np.int32)


def make_recipe(name: str, settings: Sequence[Settings], schedule: str, workload: View) -> Recipe:
    """The recipe of trials with these settings: what differs in them is traced.

    The caller splits trials so that whatever cannot be traced is the same for all of them.
    """
    traced = []
    fixed = {}
    for key, value in settings[0].items():
        if _is_traced(key, settings):
            traced.append(key)
        else:
            fixed[key] = value
    return Recipe(
        name=name,
        fixed=fixed,
        traced=tuple(traced),
        schedule=schedule,
        warmup_percent=workload.warmup_percent,
        max_steps=workload.max_steps,
    )


def _is_traced(key: str, settings: Sequence[Settings]) -> bool:
    # the learning rate always: then one program serves a single rate and a grid of them
    return key == "learning_rate" or differs(key, settings)


def differs(key: str, settings: Sequence[Settings]) -> bool:
    """Whether a key has more than one value."""
    return any(each.get(key) != settings[0].get(key) for each in settings)


def is_traceable(name: str, settings: Settings, key: str, schedule: str, workload: View) -> bool:
    """Whether the optimizer takes the number `settings[key]` as an argument of the program."""
    if not isinstance(settings[key], float):
        return False
    rest = dict(settings)
    del rest[key]
    recipe = Recipe(
        name=name,
        fixed=rest,
        traced=(key,),
        schedule=schedule,
        warmup_percent=workload.warmup_percent,
        max_steps=workload.max_steps,
    )
    # parameters of both kinds that optimizers tell apart, matrices and vectors
    params = {"a": {"kernel": jnp.ones((4, 4)), "bias": jnp.ones(4)}}

    def update(number: jax.Array) -> Any:
        tx = recipe.transform({key: number})
        updates, _ = tx.update(params, tx.init(params), params)
        return updates

    number = jax.ShapeDtypeStruct((), jnp.float32)
    try:
        jax.eval_shape(update, number)
    except (jax.errors.ConcretizationTypeError, TypeError, ValueError):
        return False
    return True
