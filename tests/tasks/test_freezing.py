"""Frozen layers run as in evaluation: no dropout, no new batch statistics."""

import jax
import jax.numpy as jnp
from flax import linen as nn

import effjax
from effjax.tasks.freezing import as_in_evaluation
from effjax.tasks.run import build


class Noise(nn.Module):
    """Without parameters, as dropout is."""

    @nn.compact
    def __call__(self, x, examples):
        self.sow("intermediates", "draws", examples is not None)
        return x


class Block(nn.Module):
    @nn.compact
    def __call__(self, x, examples, train=False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(2)(x))
        return Noise()(x, examples)


class Blocks(nn.Module):
    @nn.compact
    def __call__(self, x, examples):
        for number in range(2):
            x = Block(name=f"blocks_{number}")(x, examples, train=True)
        return Noise(name="noise")(x, examples)


def test_arguments_by_name_and_by_place():
    x = jnp.ones((3, 2))
    variables = Blocks().init(jax.random.key(0), x, None)
    collections = ["batch_stats", "intermediates"]
    with as_in_evaluation(frozenset({("blocks_0",)})):
        _, changed = Blocks().apply(variables, x, jnp.arange(3), mutable=collections)
    draws = changed["intermediates"]
    assert draws["blocks_0"]["Noise_0"]["draws"] == (False,)
    assert draws["blocks_1"]["Noise_0"]["draws"] == (True,)
    assert draws["noise"]["draws"] == (True,)
    for name, moves in (("blocks_0", False), ("blocks_1", True)):
        old, new = (tree["batch_stats"][name] for tree in (variables, changed))
        same = jax.tree.map(lambda a, b: bool((a == b).all()), old, new)
        assert all(jax.tree.leaves(same)) != moves


def frozen_setup(**fields):
    """A ResNet with batch norm, of which all but the last stage and the classifier is frozen."""
    config = effjax.default_config()
    config.total_steps = 3.0
    config.data.update(name="synthetic", image_size=16, batch_size=8, synthetic_examples=16)
    config.data.augment.update(crop="none", hflip=0.0)
    config.model.update(name="resnet18", depths=(1, 1, 1, 1), dims=(8, 8, 8, 8))
    config.parallel.devices = 1
    config.update(fields)
    return build(config)


FROZEN = "^(conv1|bn1|layer[123])"


def test_running_averages_of_what_is_frozen_stay():
    setup = frozen_setup(task={"frozen": FROZEN})
    by_factor = frozen_setup(optim={"default": {"lr_scale": ((FROZEN, 0.0),)}})
    assert by_factor.task.not_learned == setup.task.not_learned
    state = setup.fresh()
    with setup.source.batches() as batches:
        batch = next(batches)
    loss = jax.jit(setup.task.loss)
    _, (new, _) = loss(state.params, state.model_state, batch, jax.random.key(0), state.step)
    moved = set()
    for layer, old in state.model_state["batch_stats"].items():
        pairs = zip(jax.tree.leaves(old), jax.tree.leaves(new["batch_stats"][layer]), strict=True)
        if any((a != b).any() for a, b in pairs):
            moved.add(layer)
    assert moved == {"layer4_0"}
