import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract import TrainState
from effjax.tasks.adversarial.step import Part, Step, repeat
from tests.tasks.adversarial.conftest import batch, make

KEY = jax.random.key(3)


def as_state(params):
    return TrainState(0, params, {}, {}, None, None, {}, 0)


class Recorder:
    """An `apply` that notes what it is asked for and goes a little along the gradient."""

    def __init__(self):
        self.asked = []

    def __call__(self, state, grads, only):
        self.asked.append(only)
        moved = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, grads)
        return state.replace(params=moved)


def test_the_critic_moves_first_and_each_network_by_its_own_gradient(ppo):
    task, params = ppo
    recorder = Recorder()
    step = Step(task.players, task.options, recorder, None)
    state, metrics = jax.jit(step.run)(as_state(params), task.part(batch()), KEY)
    assert recorder.asked == ["critic", "classifier", "generator"]
    for name, tree in state.params.items():
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(params[name]), strict=True)
        assert any((new != old).any() for new, old in pairs), name
    expected = {"critic_loss", "critic_penalty", "score_real", "score_fake"}
    assert metrics.keys() == expected | {"classifier_loss", "loss", "ratio"}


def test_losses_of_two_devices_have_the_mean_of_all():
    """Draws belong to examples: the mean of two halves is that of the whole batch."""
    task = make("wgan")
    params, _ = jax.jit(task.init)(jax.random.key(0), batch())
    step = Step(task.players, task.options, None, None)

    @jax.jit
    def loss(part):
        fakes = step.fakes(params, part, KEY)
        return step.critic_loss(params, part, fakes, KEY)[0]

    whole = task.part(batch())
    halves = [Part(*(x[rows] for x in whole)) for rows in (slice(0, 4), slice(4, 8))]
    mean = sum(float(loss(half)) for half in halves) / 2
    assert float(loss(whole)) == pytest.approx(mean, rel=1e-5)
    # what is padded may hold anything
    is_there = jnp.arange(8) < 4
    images = jnp.where(is_there[:, None, None, None], whole.images, jnp.nan)
    padded = whole._replace(images=images, mask=is_there.astype(jnp.float32))
    assert float(loss(padded)) == pytest.approx(float(loss(halves[0])), rel=1e-5)


def test_updates_follow_each_other_and_metrics_are_added():
    def add(state, x):
        return state + x, {"sum": (state, jnp.asarray(1.0))}

    state, metrics = repeat(add, jnp.asarray(1.0), jnp.asarray([2.0, 5.0]), 2)
    assert float(state) == 8
    assert [float(x) for x in metrics["sum"]] == [4, 2]
    one, _ = repeat(add, jnp.asarray(1.0), jnp.asarray([2.0]), 1)
    assert float(one) == 3


def test_a_part_has_every_second_example():
    """However devices divide a batch, an update sees the same examples."""
    seen = []
    task = make("wgan", critic_steps=2)

    class Watching(Step):
        def critic_update(self, state, part_and_key):
            part, _ = part_and_key
            return state + part.index.sum(), {"index": (part.index.sum(), 1)}

        def generator_updates(self, state, part, key):
            seen.append(np.asarray(part.index))
            return state, {}

    Watching(task.players, task.options, None, None).run(jnp.asarray(0), task.part(batch()), KEY)
    assert seen[0].tolist() == [1, 3, 5, 7]
