"""What holds for every optimizer that the factory can make.

The default run takes ours, and a few of them for all of it; with `-m "slow or not slow"` every one
is put through everything.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from effjax import optim

INFO = optim.list_optimizers()
NAMES = sorted(INFO)
FEW = ("adan", "adamw", "adamw_win2", "lamb", "lookahead", "slrla", "schedule_free_adamw")
FEW_FIRST = [pytest.param(n, marks=[] if n in FEW else pytest.mark.slow) for n in NAMES]
OURS_FIRST = [
    pytest.param(n, marks=[] if n in FEW or INFO[n].source == "effjax" else pytest.mark.slow)
    for n in NAMES
]

# Hyperparameters that a method cannot do without on these problems.
SETTINGS = {
    "acprop": {"eps": 1.0},
    "dpsgd": {"l2_norm_clip": 10.0, "noise_multiplier": 1e-4},
    "galore": {"rank": 1},
    "lookahead": {"inner": "adam"},
    "noisy_sgd": {"eta": 1e-5},
    "slrla": {"penalty": 0.01, "momentum": 0.9},
    "sophia": {"update_interval": 1},
}
# The first basis is arbitrary, up to rounding, where a gradient has no component: turn only the
# short axis, along which all gradients here are the same, and let eps outweigh the rest.
for _name, _eps in (("soap", 1e-3), ("kl_soap", 1e-3), ("soap_muon", 1e-2)):
    for _form in (_name, f"{_name}_win", f"{_name}_win2"):
        SETTINGS[_form] = {"eps": _eps, "largest_axis": 4}


def make(name, lr=0.01, **fields):
    return optim.create(name, lr, **SETTINGS.get(name, {}), **fields)


def problem(dtype=jnp.float32):
    """Parameters and a convex loss of them. sm3 knows no scalars, so none are here."""
    params = {
        "w": jnp.linspace(-1.0, 1.0, 32, dtype=dtype).reshape(8, 4),
        "b": jnp.linspace(0.5, 1.5, 4, dtype=dtype),
    }

    def loss(p):
        residual = p["w"].astype(jnp.float32) @ jnp.ones(4) - p["b"].astype(jnp.float32).sum()
        return jnp.sum(residual**2) + jnp.sum(p["b"].astype(jnp.float32) ** 2)

    return params, loss


def gradient_and_extras(info, loss, params):
    value, grads = jax.value_and_grad(loss)(params)
    extras = {"value": value, "grad": grads, "value_fn": loss, "obj_fn": loss}
    if info.name == "dpsgd":
        grads = jax.tree.map(lambda g: jnp.stack([g, g]), grads)
    return grads, {k: v for k, v in extras.items() if k in info.needs}


def step_of(name, tx, loss):
    def step(params, state):
        grads, extras = gradient_and_extras(INFO[name], loss, params)
        updates, state = tx.update(grads, state, params, **extras)
        return optax.apply_updates(params, updates), state

    return step


def run(name, tx, steps=3):
    params, loss = problem()
    state, step = tx.init(params), jax.jit(step_of(name, tx, loss))
    for _ in range(steps):
        params, state = step(params, state)
    return params, state


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-5), a, b)


def signature(tree):
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(a.shape, a.dtype, a.weak_type) for a in leaves]


def stored_and_loaded(tree):
    """`tree` as a checkpoint would bring it back: new buffers, the same bytes."""

    def loaded(leaf):
        stored = np.asarray(leaf).tobytes()
        return jnp.array(np.frombuffer(stored, leaf.dtype).reshape(leaf.shape))

    return jax.tree.map(loaded, tree)


@pytest.mark.parametrize("name", OURS_FIRST)
def test_one_donated_step(name):
    """Stable state, one compilation, float32 state of bf16 parameters, exact continuation."""
    params, loss = problem(jnp.bfloat16)
    tx = optim.create_injected(name, 0.01, clip_norm=1.0, **SETTINGS.get(name, {}))
    state = tx.init(params)
    kinds = {leaf.dtype for leaf in jax.tree.leaves(state) if leaf.ndim}
    assert not {jnp.dtype("bfloat16"), jnp.dtype("float16")} & kinds or INFO[name].wraps

    before = signature(state)
    step = jax.jit(step_of(name, tx, loss), donate_argnums=(0, 1))
    for t in range(7):
        state = optim.set_learning_rate(state, 0.01 / (t + 1))
        if t == 4:  # in the middle of a period of Lookahead
            saved = stored_and_loaded((params, state))
        params, state = step(params, state)
        assert signature(state) == before
    assert step._cache_size() == 1
    assert all(p.dtype == jnp.bfloat16 for p in jax.tree.leaves(params))
    assert np.isfinite(loss(params))

    again, again_state = saved
    for t in range(4, 7):
        again_state = optim.set_learning_rate(again_state, 0.01 / (t + 1))
        again, again_state = step(again, again_state)
    jax.tree.map(np.testing.assert_array_equal, (again, again_state), (params, state))


@pytest.mark.parametrize("name", FEW_FIRST)
def test_vmap_is_as_many_runs(name):
    params, loss = problem()
    tx = make(name)
    starts = jax.tree.map(lambda p: jnp.stack([p, 0.5 * p]), params)
    many, states = starts, jax.vmap(tx.init)(starts)
    step = step_of(name, tx, loss)
    together, alone = jax.jit(jax.vmap(step)), jax.jit(step)
    for _ in range(3):
        many, states = together(many, states)
    for i in range(2):
        one = jax.tree.map(lambda p, i=i: p[i], starts)
        state = tx.init(one)
        for _ in range(3):
            one, state = alone(one, state)
        assert_close(jax.tree.map(lambda p, i=i: p[i], many), one)


@pytest.mark.parametrize("name", FEW_FIRST)
def test_multi_steps_of_equal_gradients_are_one_step(name):
    if name in ("lbfgs", "dpsgd"):
        pytest.skip("MultiSteps knows nothing of its losses, or of its gradients for each example")
    params, loss = problem()
    accumulated = optax.MultiSteps(make(name), every_k_schedule=2)
    state = accumulated.init(params)
    grads, extras = gradient_and_extras(INFO[name], loss, params)
    for _ in range(2):
        updates, state = accumulated.update(grads, state, params, **extras)
    assert_close(optax.apply_updates(params, updates), run(name, make(name), steps=1)[0])


@pytest.mark.parametrize("name", FEW_FIRST)
def test_masked_and_multi_transform_see_only_their_leaves(name):
    params, loss = problem()
    only_w = {"w": params["w"]}
    alone, partial = make(name), lambda p: loss({**params, **p})
    grads, extras = gradient_and_extras(INFO[name], partial, only_w)
    expected, _ = alone.update(grads, alone.init(only_w), only_w, **extras)

    extras = {k: v for k, v in extras.items() if k == "value"}
    if set(INFO[name].needs) & {"value_fn", "obj_fn"}:
        pytest.skip("its update evaluates the loss at a whole tree of parameters")
    both = {**grads, "b": jax.tree.map(jnp.zeros_like, params["b"])}
    masked = optax.masked(make(name), {"w": True, "b": False})
    groups = optax.multi_transform({"x": make(name), "y": optax.sgd(0.1)}, {"w": "x", "b": "y"})
    for tx in (masked, groups):
        updates, _ = tx.update(both, tx.init(params), params, **extras)
        assert_close(updates["w"], expected["w"])


@pytest.mark.parametrize("name", FEW_FIRST)
def test_eight_devices_give_the_same_result(name):
    mesh = jax.make_mesh((8,), ("fsdp",), axis_types=(AxisType.Auto,))
    params, loss = problem()
    placed = {
        "w": jax.device_put(params["w"], NamedSharding(mesh, PartitionSpec("fsdp"))),
        "b": jax.device_put(params["b"], NamedSharding(mesh, PartitionSpec())),
    }
    tx = make(name)
    state, step = jax.jit(tx.init)(placed), jax.jit(step_of(name, tx, loss))
    for _ in range(3):
        placed, state = jax.block_until_ready(step(placed, state))
    assert_close(placed, run(name, tx)[0])


# Learning rates and settings with which 3000 steps are enough; the rate falls linearly to zero.
RATES = {
    "acprop": 0.02,
    "adadelta": 5.0,
    "adafactor": 0.05,
    "adagrad": 1.0,
    "cocob": 1.0,
    "dadapt_adamw": 1.0,
    "dog": 1.0,
    "dowg": 1.0,
    "fromage": 0.02,
    "lars": 3.0,
    "lbfgs": 1.0,
    "mechanic": 1.0,
    "momo": 1.0,
    "polyak_sgd": 1.0,
    "prodigy": 1.0,
    "radam": 0.003,
    "rprop": 0.01,
    "schedule_free_sgd": 0.003,
    "sgd_win": 1e-3,
    "sgd_win2": 5e-4,
    "slrla": 1e-3,
    "sign_sgd": 0.01,
    "sm3": 1.0,
    **dict.fromkeys(("sgd", "dpsgd", "noisy_sgd", "optimistic_gradient_descent"), 2e-3),
}


def quadratic(x):
    return jnp.sum(jnp.array([1.0, 4.0]) * (x - jnp.array([1.0, -2.0])) ** 2)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


@functools.cache
def final_losses(name, steps=3000):
    rate = optim.create_schedule("linear", peak=RATES.get(name, 0.05), total_steps=steps)
    tx = make(name, rate)
    results = []
    for loss, start in ((quadratic, [0.1, 0.1]), (rosenbrock, [-1.0, 1.0])):
        step = step_of(name, tx, lambda p, loss=loss: loss(p["x"]))
        params = {"x": jnp.array(start)}
        carry = jax.lax.fori_loop(
            0, steps, lambda _, carry, step=step: step(*carry), (params, tx.init(params))
        )
        results.append(float(loss(optim.eval_params(*carry)["x"]) / loss(params["x"])))
    return results


@pytest.mark.parametrize("name", FEW_FIRST)
def test_converges_on_a_quadratic_and_on_rosenbrock(name):
    on_quadratic, on_rosenbrock = final_losses(name)
    assert on_quadratic < 1e-2
    assert on_rosenbrock < 0.1
