from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.tasks.pretraining.masked_images.evaluator import Reconstruction
from tests.tasks.pretraining.masked_images.test_task import tiny_config


def numbers(variables, batch, key):
    """The number of each example, in the place of its error."""
    return batch["index"].astype(jnp.float32)


def batches(mask):
    for start in (0, 2):
        yield {"index": np.arange(2), "mask": np.asarray(mask[start : start + 2], np.float32)}


def test_every_image_has_a_mask_of_its_own_and_padding_counts_for_nothing():
    config = View(tiny_config())
    section = SimpleNamespace(split=None)
    evaluator = Reconstruction(numbers, config, section)
    found = dict(evaluator({}, jax.random.key(0), batches([1, 1, 1, 0])))
    assert found == {"loss": pytest.approx(1.0)}  # of 0, 1, 2
    with pytest.raises(UserError, match="none of the images"):
        dict(evaluator({}, jax.random.key(0), batches([0, 0, 0, 0])))
