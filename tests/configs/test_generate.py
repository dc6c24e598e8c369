"""The configs of configs/generate can be read, and describe networks."""

import runpy

import jax
import pytest

from effjax import models
from effjax.config import View, load
from effjax.runs.schema import RunConfig
from effjax.tasks.adversarial.task import Adversarial
from effjax.tasks.autoencode.task import Autoencode
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


@pytest.mark.parametrize("arg", runpy.run_path(f"{FOLDER}/gan_digits.py")["ARGS"])
def test_each_game_has_its_networks_and_optimizers(arg):
    task = Adversarial(View(load(f"{FOLDER}/gan_digits.py:{arg}", [], RunConfig)))
    params, _ = jax.eval_shape(lambda key: task.init(key, {}), jax.random.key(0))
    assert set(params) == set(task.options.groups) <= set(task.config.optim)


def test_latents_of_digits_are_those_of_the_autoencoder():
    coder = Autoencode(View(load(f"{FOLDER}/autoencoder_digits.py", [], RunConfig)))
    assert coder.model.latent_shape(coder.split.image_shape) == (8, 8, 4)
    config = load(f"{FOLDER}/latent_digits.py", [], RunConfig)
    assert config.task.latents == "latents/digits"
    runpy.run_path(f"{FOLDER}/latent_digits.py")["quick"](config)
    assert Diffusion(View(config)).model
