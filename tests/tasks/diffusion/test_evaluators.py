import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.tasks.diffusion.evaluators import Denoising, fixed_noise, fixed_times
from tests.tasks.diffusion.conftest import quick_config


def test_times_are_even_over_any_run_of_examples():
    for start in (0, 1000, 3_000_000_000 // 2):
        times = np.sort(np.asarray(fixed_times(jnp.arange(start, start + 64))))
        assert np.abs(times - (np.arange(64) + 0.5) / 64).max() < 0.05
    assert times[0] > 0
    assert times[-1] < 1


def test_noise_belongs_to_the_example():
    noise = fixed_noise(jnp.asarray([5, 7]), (2, 2))
    assert (fixed_noise(jnp.asarray([7]), (2, 2))[0] == noise[1]).all()


def batches(size, count=8):
    for start in range(0, count, size):
        yield {
            "image": jnp.zeros((size, 2, 2, 1)),
            "index": jnp.arange(size),
            "mask": jnp.asarray([float(start + i < 7) for i in range(size)]),
        }


def test_the_measurement_does_not_depend_on_the_batch_size():
    config = View(quick_config("dit"))

    def errors(variables, batch, uniform, normal, noise):
        return uniform + jnp.square(noise).mean((1, 2, 3))

    measure = Denoising(errors, config, config.evals["val"])
    found = [dict(measure({}, None, batches(size))) for size in (2, 4)]
    assert found[0] == pytest.approx(found[1])
    assert {"loss", "quarter1_loss"} <= found[0].keys()
