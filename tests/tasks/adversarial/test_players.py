import jax
import jax.numpy as jnp
import pytest

from effjax.errors import UserError
from effjax.tasks.adversarial.players import Players, Seen
from tests.tasks.adversarial.conftest import BATCH, SIZE, batch


def test_dropout_is_of_training_alone(ppo):
    task, params = ppo
    part = task.part(batch())
    seen = Seen(part.images, part.labels, part.index)
    judge = jax.jit(task.players.judge)
    plain = judge(params, seen)
    dropped = judge(params, seen, jax.random.key(1))
    assert plain.scores.shape == (BATCH,)
    assert not jnp.allclose(plain.scores, dropped.scores)
    assert jnp.allclose(plain.scores, judge(params, seen).scores)


def test_images_are_between_minus_one_and_one(ppo):
    task, params = ppo
    noise = 5 * jnp.ones((2, 3))
    images = jax.jit(task.players.draw)(params, noise, jnp.asarray([0, 1]))
    assert images.shape == (2, SIZE, SIZE, 3)
    assert jnp.abs(images).max() <= 1
    # the label is seen
    assert not jnp.allclose(images[0], images[1])


def test_running_averages_are_refused():
    class Averaging:
        def example_inputs(self, shape):
            return ()

        def init(self, key):
            return {"params": {}, "batch_stats": {}}

    players = Players(Averaging(), None, None)
    with pytest.raises(UserError, match="the generator keeps running averages"):
        players.init(jax.random.key(0), (SIZE, SIZE, 3))
