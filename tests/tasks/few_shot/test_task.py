import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.tasks.few_shot.task import FewShot


def tiny_config(**task):
    """Episodes of 3 classes with 1 + 2 images, two of them a batch."""
    config = effjax.default_config()
    config.total_steps = 2.0
    config.task.update(name="few_shot", ways=3, shots=1, queries=2, **task)
    config.model.update(name="vit_tiny_patch16_224", width=8, heads=2, depth=1, patch_size=4)
    config.data.update(name="synthetic", image_size=8, batch_size=18, synthetic_examples=60)
    config.data.synthetic_classes = 4
    config.evals.val.update(evaluator="episodes", ways=3, shots=(1,), queries=2, episodes=5)
    return config


def batch():
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 256, (18, 8, 8, 3)).astype(np.uint8),
        "label": np.zeros(18, np.int32),
        "index": np.arange(18, dtype=np.int32),
        "mask": np.ones(18, np.float32),
    }


@pytest.fixture(scope="module")
def few_shot():
    task = FewShot(View(tiny_config()))
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))
    return task, params, state, step


def test_encoder_and_temperature_learn_and_a_broken_episode_counts_for_nothing(few_shot):
    task, params, state, step = few_shot
    data = batch()
    (loss, (_, metrics)), grads = step(params, state, data, jax.random.key(1), jnp.asarray(0))
    assert np.isfinite(loss)
    assert float(metrics["top1"][1]) == 2
    assert float(grads["temperature"]) != 0
    assert np.any(grads["encoder"]["patch_embed"]["proj"]["kernel"])
    data["mask"][17] = 0
    (one, (_, metrics)), _ = step(params, state, data, jax.random.key(1), jnp.asarray(0))
    data["image"][9:] = 0
    (other, _), _ = step(params, state, data, jax.random.key(1), jnp.asarray(0))
    assert float(one) == pytest.approx(float(other), rel=1e-6)
    assert float(metrics["loss"][1]) == float(task.weight(data)) == 1


def test_part_of_an_episode_is_refused(few_shot):
    task, *_ = few_shot
    half = {name: value[:12] for name, value in batch().items()}
    with pytest.raises(UserError, match="no whole number of episodes of 9"):
        task.weight(half)
    config = tiny_config()
    config.task.ways = 1
    with pytest.raises(UserError, match="ways = 1: give 2 or more"):
        FewShot(View(config))
