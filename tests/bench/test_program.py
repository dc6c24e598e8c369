"""A trial in a group of many is the trial alone, and an ordinary loop of jitted steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.bench.member import Member, example_order, make_recipe
from effjax.bench.program import Program, Stopwatch, run_program
from tests.bench.configs import DIGITS, trials_of


def train(problem, trials, each, devices):
    recipe = make_recipe(trials[0].name, [t.settings for t in trials], "cosine", DIGITS)
    return run_program(Program(Member(problem, recipe), DIGITS, each, devices), trials)


def test_a_group_trains_as_each_trial_alone(digits):
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


def test_a_stopwatch_leaves_compilation_out():
    program = type("Program", (), {"compile_seconds": 1.0})()
    watch = Stopwatch(program)
    with watch:
        program.compile_seconds = 3.0
    assert -2.0 <= watch.seconds < -1.9  # nothing was done, and two seconds were compilation
