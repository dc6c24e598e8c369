"""A tiny encoder and its task."""

import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.tasks.pretraining.contrast.task import Contrast

SIZE = 8
BATCH = 8


def tiny_config(**task):
    """Momentum contrast of one block on made-up images of 8 pixels."""
    config = effjax.default_config()
    config.total_steps = 4.0
    config.task.update(name="contrast", queue=16, dim=4, norm_groups=2, momentum=0.5, **task)
    config.model.update(name="resnet18", depths=(1,), dims=(4,), strides=(1,))
    config.model.update(stem_kernel=3, stem_pool=False, remat=(False,))
    config.data.update(name="synthetic", image_size=SIZE, batch_size=BATCH, cache="memory")
    config.data.update(synthetic_examples=32, synthetic_classes=2)
    for name in ("query", "key"):
        effjax.add_view(config, name, recipe="moco_cifar")
    config.optim.default.update(name="sgd", learning_rate=0.1)
    config.schedule.warmup_steps = 0.0
    config.evals.val.evaluator = "features"
    config.log.update(tensorboard=False, curves=False)
    return config


def make(**task) -> Contrast:
    return Contrast(View(tiny_config(**task)))


def batch(count=BATCH):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, count, 1, SIZE, SIZE, 3)).astype(np.uint8)
    return {
        "view_query": images[0],
        "view_key": images[1],
        "label": np.zeros(count, np.int32),
        "index": np.arange(count, dtype=np.int32),
        "row": np.arange(count, dtype=np.int32) % 32,
        "mask": np.ones(count, np.float32),
    }


@pytest.fixture(scope="session")
def contrast():
    """(task with prototypes, params, model_state, its compiled loss with gradients)."""
    task = make(clusters=(5,), cluster_warmup_epochs=0.0, cluster_restarts=1)
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))
    return task, params, state, step
