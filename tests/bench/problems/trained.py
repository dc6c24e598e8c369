"""Trains parameters on a problem, for the tests of what theory says of it."""

import jax
import jax.numpy as jnp
import optax

from effjax import optim
from effjax.bench.problems import make_problem
from effjax.bench.schema import workload
from effjax.config import View


def make(name, **model):
    work = View(workload(problem=name, model=model))
    return make_problem(work), work


def history(problem, optimizer, updates):
    """(parameters to evaluate, model state, measured losses) after many updates on all examples."""
    params, model_state = problem.init(jax.random.key(0))

    def step(carry, number):
        params, model_state, state = carry
        key = jax.random.fold_in(jax.random.key(1), number)
        (_, model_state), grads = jax.value_and_grad(problem.loss, has_aux=True)(
            params, model_state, problem.train, key, number
        )
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        evaluated = optim.eval_params(params, state)
        measured = problem.evaluate(evaluated, model_state, problem.held_out)
        return (params, model_state, state), measured["val/loss"]

    @jax.jit
    def run(params, model_state):
        carry = params, model_state, optimizer.init(params)
        (params, model_state, state), losses = jax.lax.scan(step, carry, jnp.arange(updates))
        return optim.eval_params(params, state), model_state, losses

    return run(params, model_state)


def trained(problem, optimizer, updates):
    return history(problem, optimizer, updates)[:2]
