import dataclasses

import numpy as np
import pytest

from effjax.diffusion import Guidance, plan_for
from effjax.sample.generate import Request, generate, to_pixels
from effjax.tasks.trained_generator import trained_generator


@pytest.fixture(scope="module")
def drawn(trained_run):
    """(task, variables, request, images) in one batch over eight devices."""
    task, variables = trained_generator(trained_run[0])
    plan = plan_for(task.process, "euler", 2)
    request = Request(np.asarray([0, 1, 2, 3]), plan, Guidance(2.0), seed=5, batch=8)
    return task, variables, request, generate(task, variables, request)


def test_a_sample_does_not_depend_on_batch_and_devices(drawn):
    task, variables, request, images = drawn
    one = generate(task, variables, dataclasses.replace(request, batch=1))
    assert images.shape == (4, 32, 32, 3)
    assert np.abs(images.astype(int) - one).max() <= 1


def test_samples_differ(drawn):
    images = drawn[-1]
    assert not (images[0] == images[1]).all()


def test_pixels_are_rounded_and_kept_inside():
    assert to_pixels(np.asarray([-9.0, -1.0, 0.0, 1.0, 9.0])).tolist() == [0, 0, 128, 255, 255]
