"""A tiny student with everything that can be asked for."""

import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.tasks.pretraining.self_distillation.task import SelfDistillation

SIZE = 8
SMALL = 4
BATCH = 8
MUGS = {"terms": ("instance", "local_group", "group"), "pairs": "halves"}
SIZES = {"instance_queue": 32, "local_queue": 32, "memory": 16, "neighbours": 2}
WIDTHS = {"outputs": 6, "hidden": 8, "bottleneck": 4, "pair_outputs": 4, "predictor_hidden": 8}


def tiny_config(**task):
    """DINO with a ViT of one block on made-up images of 8 pixels."""
    config = effjax.default_config()
    config.total_steps = 4.0
    config.task.update(name="self_distillation", outputs=6, hidden=8, bottleneck=4, momentum=0.5)
    config.task.update(task)
    config.model.update(name="vit_tiny_patch16_224", width=8, heads=2, depth=1, patch_size=2)
    config.data.update(name="synthetic", image_size=SIZE, batch_size=BATCH, cache="memory")
    config.data.update(synthetic_examples=32, synthetic_classes=2)
    for name in ("global1", "global2"):
        effjax.add_view(config, name, recipe="plain")
    effjax.add_view(config, "local", recipe="plain", size=SMALL, count=2)
    config.optim.default.update(name="adamw", learning_rate=1e-2)
    config.schedule.warmup_steps = 0.0
    config.evals.val.update(evaluator="features", probe=False, baselines=False)
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    return config


def make(**task) -> SelfDistillation:
    return SelfDistillation(View(tiny_config(**task)))


def batch(count=BATCH):
    rng = np.random.default_rng(0)

    def crops(number, size):
        return rng.integers(0, 256, (count, number, size, size, 3)).astype(np.uint8)

    return {
        "view_global1": crops(1, SIZE),
        "view_global2": crops(1, SIZE),
        "view_local": crops(2, SMALL),
        "label": np.zeros(count, np.int32),
        "index": np.arange(count, dtype=np.int32),
        "row": np.arange(count, dtype=np.int32),
        "mask": np.ones(count, np.float32),
    }


@pytest.fixture(scope="session")
def distillation():
    """(task with all terms, params, model_state, its compiled loss with gradients)."""
    task = make(**MUGS, **SIZES, **WIDTHS, patch_weight=1.0, koleo_weight=0.1)
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))
    return task, params, state, step
