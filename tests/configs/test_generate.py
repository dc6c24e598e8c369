"""The configs of configs/generate can be read, and describe networks."""

import runpy

import jax
import pytest

from effjax import models
from effjax.config import View, load
from effjax.runs.schema import RunConfig
from effjax.tasks.diffusion.task import Diffusion

FOLDER = "configs/generate"
ARGS = [
    pytest.param(name, arg, marks=() if name == "digits" else pytest.mark.slow)
    for name in ("digits", "cifar10", "imagenet_latents")
    for arg in runpy.run_path(f"{FOLDER}/{name}.py")["ARGS"]
]


def prepared(name, arg):
    config = load(f"{FOLDER}/{name}.py:{arg}", [], RunConfig)
    if name == "cifar10":
        # which is not here: images that are made up have its shape
        config.data.update(name="synthetic", val_split="validation")
    if name == "imagenet_latents":
        with config.unlocked():
            config.task.latents = None
        config.data.update(name="synthetic", image_size=32)
    return Diffusion(View(config))


@pytest.mark.parametrize(("name", "arg"), ARGS)
def test_each_arg_describes_a_network_and_a_process(name, arg):
    task = prepared(name, arg)
    params = models.abstract_variables(task.model, task.split.image_shape)["params"]
    assert jax.tree.leaves(params)
    assert (task.variant(0) == ()) == (not arg.startswith("mdt"))
    assert task.process
