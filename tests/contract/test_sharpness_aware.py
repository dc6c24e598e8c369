"""SAM and ASAM as a switch of any task: recorded trajectories, and what must not happen twice."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import effjax
from effjax.config import View
from effjax.contract import TrainState
from effjax.contract.sharpness_aware import mean_over_devices
from tests.parity.theory_cases import Case, network

FOLDER = Path(__file__).parents[1] / "parity"
SPEC = json.loads((FOLDER / "theory.json").read_text())
CASE = Case(SPEC, "sam", {})
X, Y = CASE.drawn("x"), CASE.drawn("y")


class Regression(effjax.Task):
    """The recorded network; its state counts how often batch statistics would move."""

    def loss(self, params, model_state, batch, rng, step):
        errors = ((network(params, batch["x"]) - batch["y"]) ** 2).mean(-1)
        count = batch["mask"].sum()
        total = (errors * batch["mask"]).sum()
        return total / count, ({"calls": model_state["calls"] + 1}, {"loss": (total, count)})


def make(accumulate=1, batch_axis=None, **sam):
    config = effjax.default_config()
    config.sam.update(sam)
    config.accumulate = accumulate
    return Regression(View(config), batch_axis)


def batch():
    return {"x": jnp.asarray(X), "y": jnp.asarray(Y), "mask": jnp.ones(len(X))}


def first_state(params):
    return TrainState(
        step=jnp.int32(0),
        params=params,
        model_state={"calls": jnp.int32(0)},
        opt_state={},
        ema=None,
        rng=None,
        grad_norm={},
        bad=jnp.int32(0),
    )


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("kind", ["plain", "adaptive"])
def test_recorded(kind, parts):
    """The authors' steps around SGD; a batch in parts climbs as a whole."""
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        task = make(parts, rho=CASE[f"rho_{kind}"], adaptive=kind == "adaptive")
        sgd = optax.sgd(CASE["sgd"]["lr"], CASE["sgd"]["momentum"])
        params = CASE.weights()
        order = list(params)  # jax sorts the names of a dict
        opt_state = sgd.init(params)
        given = batch()
        if parts > 1:
            given = jax.tree.map(lambda a: a.reshape(parts, -1, *a.shape[1:]), given)

        def apply(state, grads, value, value_fn):
            updates, opt_state = sgd.update(grads, state.opt_state, state.params)
            return state.replace(
                params=optax.apply_updates(state.params, updates), opt_state=opt_state
            )

        @jax.jit
        def update(state):
            return task.update(state, given, jax.random.key(0), apply)[0]

        state = first_state(params).replace(opt_state=opt_state)
        for expected in np.load(FOLDER / "theory.npz")[f"sam/{kind}/params"]:
            state = update(state)
            found = np.concatenate([np.ravel(state.params[name]) for name in order])
            # the gradients of parts are added in float32 shares
            np.testing.assert_allclose(found, expected, atol=1e-10 if parts == 1 else 1e-7)
        assert int(state.model_state["calls"]) == parts * CASE["steps"]


def gradient_of(task, params, given):
    caught = {}

    def apply(state, grads, value, value_fn):
        caught["grads"] = grads
        return state

    task.update(first_state(params), given, jax.random.key(0), apply)
    return caught["grads"]


def float32_weights():
    return jax.tree.map(lambda w: jnp.asarray(w, jnp.float32), CASE.weights())


def test_what_is_frozen_does_not_climb():
    """As a network that has the frozen part as constants."""
    params = float32_weights()
    frozen = {"0.weight", "0.bias"}
    task = make(rho=0.5)
    task.not_learned = frozenset(frozen)
    found = gradient_of(task, params, batch())

    def loss(learned):
        held = {name: params[name] for name in frozen}
        return ((network(held | learned, X) - Y) ** 2).mean()

    learned = {name: params[name] for name in ("2.weight", "2.bias")}
    grads = jax.grad(loss)(learned)
    length = optax.tree.norm(grads)
    there = jax.tree.map(lambda w, g: w + 0.5 * g / length, learned, grads)
    for name, expected in jax.grad(loss)(there).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-5)


def test_devices_climb_to_the_same_place():
    """Four devices of unlike numbers of valid examples: the mean of theirs is that of the whole."""
    params = float32_weights()
    given = batch()
    given["mask"] = jnp.asarray(np.arange(16) % 5 != 0, jnp.float32)
    whole = gradient_of(make(rho=0.5), params, given)
    parts = jax.tree.map(lambda a: a.reshape(4, 4, *a.shape[1:]), given)
    task = make(rho=0.5, batch_axis="batch")

    def device(part):
        grads = gradient_of(task, params, part)
        return mean_over_devices(grads, "batch", part["mask"].sum())

    found = jax.vmap(device, axis_name="batch")(parts)
    for name, expected in whole.items():
        np.testing.assert_allclose(found[name][0], expected, atol=1e-5)


def test_off_is_the_plain_gradient():
    params = float32_weights()
    found = gradient_of(make(), params, batch())
    expected = jax.grad(lambda p: ((network(p, X) - Y) ** 2).mean())(params)
    np.testing.assert_allclose(found["0.weight"], expected["0.weight"], atol=1e-6)
