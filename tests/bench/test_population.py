"""A trial in a group of many is the trial alone; the plan is decided by a clock."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.bench.member import Member, example_order, make_recipe
from effjax.bench.population import Program, choose_plan, even, run_program
from effjax.bench.problems import classified, make_problem
from effjax.bench.schema import OptimizerConfig, PopulationConfig, TuningConfig, workload
from effjax.bench.tuning import make_trials
from effjax.config import View, to_config

DIGITS = View(
    workload(model={"widths": (16,), "l2": 0.0}, max_steps=20, eval_every=8, batch_size=32)
)


def trials_of(label, count, **fields):
    entry = to_config(OptimizerConfig)
    entry.update(name=label, learning_rate=1e-2, **fields)
    tuning = to_config(TuningConfig)
    tuning.update(factors=tuple(np.geomspace(0.1, 1.0, count // 2).tolist()), seeds=(0, 1))
    return make_trials(label, View(entry), View(tuning), "cosine")


@pytest.fixture(scope="module")
def digits():
    return make_problem(DIGITS)


def train(problem, trials, each, devices):
    recipe = make_recipe(trials[0].name, [t.settings for t in trials], "cosine", DIGITS)
    return run_program(Program(Member(problem, recipe), DIGITS, each, devices), trials)


def test_in_company_as_alone(digits):
    """16 trials, two under vmap on each of eight devices, against each by itself, 20 steps."""
    trials = trials_of("adan", 16, weight_decay=0.01)
    together = train(digits, trials, 2, jax.devices())
    assert together.steps == [8, 16, 20]
    assert together.values["val/error"].shape == (16, 3)
    recipe = make_recipe("adan", [t.settings for t in trials], "cosine", DIGITS)
    single = Program(Member(digits, recipe), DIGITS, 1, jax.devices()[:1])
    for place in (0, 7, 15):
        alone = run_program(single, [trials[place]])
        for name in ("train/loss", "val/loss"):
            np.testing.assert_allclose(
                together.values[name][place], alone.values[name][0], atol=1e-5, rtol=1e-5
            )
    # settings and seeds are told apart
    assert len(np.unique(together.values["train/loss"][:, -1])) == 16


def test_as_an_ordinary_loop_of_jitted_steps(digits):
    """The program's curve is that of optax used by hand, with the same examples."""
    import optax

    from effjax import optim

    trial = trials_of("adamw", 2, weight_decay=0.1)[0]
    curves = train(digits, [trial], 1, jax.devices()[:1])
    params, _ = digits.init(jax.random.key(0))
    shape = optim.create_schedule("cosine", peak=1.0, total_steps=20, warmup_steps=1)
    rate = trial.settings["learning_rate"]
    mask = jax.tree.map(lambda p: p.ndim != 1, params)
    tx = optax.adamw(lambda count: rate * shape(count), weight_decay=0.1, mask=mask)
    state = tx.init(params)

    @jax.jit
    def step(params, state, batch):
        def objective(p):
            return digits.loss(p, {}, batch, None, None)[0]

        value, grads = jax.value_and_grad(objective)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    losses = []
    for rows in example_order(digits.examples, 32, 0, 20):
        batch = {name: jnp.asarray(array[rows]) for name, array in digits.train.items()}
        params, state, value = step(params, state, batch)
        losses.append(float(value))
    means = [np.mean(losses[:8]), np.mean(losses[8:16]), np.mean(losses[16:])]
    np.testing.assert_allclose(curves.values["train/loss"][0], means, rtol=1e-5)


def test_order_of_examples():
    order = example_order(10, 4, seed=3, steps=5)
    assert order.shape == (5, 4)
    assert len(set(order[:2].ravel())) == 8  # an epoch repeats nothing
    assert (order[:3] == example_order(10, 4, seed=3, steps=3)).all()
    assert (order != example_order(10, 4, seed=4, steps=5)).any()


def test_plan_is_what_the_clock_says(digits):
    trials = trials_of("adamw", 16)
    recipe = make_recipe("adamw", [t.settings for t in trials], "cosine", DIGITS)
    population = to_config(PopulationConfig)
    arguments = recipe, DIGITS
    plan, _ = choose_plan(digits, *arguments, View(population), trials, jax.devices()[:1])
    alone, together = (float(word) for word in plan.why.split() if word[0].isdigit())
    assert (plan.each > 1) == (together < alone)
    population.mode = "single"
    plan, _ = choose_plan(digits, *arguments, View(population), trials, jax.devices()[:1])
    assert plan.each == 1
    population.update(mode="vmap", memory_percent=1e-9)
    plan, _ = choose_plan(digits, *arguments, View(population), trials, jax.devices()[:1])
    assert (plan.each, plan.why) == (1, "two trials do not fit in memory")


def test_even_parts():
    assert [even(65, 64), even(64, 64), even(6, 4), even(1, 9)] == [33, 64, 3, 1]


@pytest.mark.parametrize("count", [None, 3])
def test_every_core_is_a_device_unless_the_user_says_how_many(count):
    flags = f"--xla_force_host_platform_device_count={count}" if count else ""
    code = (
        "from effjax.startup import split_cpu; split_cpu(); import jax; print(jax.device_count())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert int(found.stdout) == (count or cores)


def test_what_is_not_a_number_and_what_ties_is_wrong():
    logits = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [jnp.nan, jnp.nan], [jnp.nan, 0.0]])
    labels = jnp.zeros(5, jnp.int32)
    assert classified(logits, labels, None)["val/error"] == pytest.approx(0.8)
    mask = jnp.asarray([1.0, 1.0, 0.0, 0.0, 0.0])
    assert classified(logits, labels, mask)["val/error"] == pytest.approx(0.5)
