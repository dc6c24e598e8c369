import jax.numpy as jnp
import pytest

from effjax.config import View
from effjax.tasks.adversarial.evaluator import Scores
from tests.tasks.adversarial.conftest import tiny_config


def batches(size, count=8):
    """Seven images; the index within a batch starts at 0."""
    for start in range(0, count, size):
        yield {
            "index": jnp.arange(size),
            "mask": jnp.asarray([float(start + i < 7) for i in range(size)]),
        }


def judge(variables, batch, key):
    """Image i scores i, its fake 3."""
    place = batch["index"].astype(float)
    return place, jnp.full_like(place, 3.0)


def test_means_do_not_depend_on_the_batch_size():
    config = View(tiny_config())
    measure = Scores(judge, config, config.evals["val"])
    for size in (2, 4):
        found = dict(measure({}, None, batches(size)))
        assert found["score_real"] == pytest.approx(3)
        assert found["gap"] == pytest.approx(0)
        assert found["told_apart"] == pytest.approx(3 / 7)
