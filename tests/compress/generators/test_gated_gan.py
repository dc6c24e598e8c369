import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.generators.channels import cut_critic, cut_generator
from effjax.compress.generators.gated_gan import (
    AGENT,
    GatedPlayers,
    critic_macs,
    gated_critic,
    gated_generator,
    generator_macs,
    open_gates,
    openness,
)
from effjax.tasks.adversarial.players import CRITIC, GENERATOR, Seen
from tests.compress.generators.tiny_gan import SHAPE, tiny_gan

MAPS = ([0, 3, 4], [1, 2], [0])
CRITIC_MAPS = ([1, 2], [0, 2, 4])
RNG = np.random.default_rng(1)
LABELS = np.asarray([0, 1])


def as_gates(maps, widths):
    return [jnp.asarray(np.isin(np.arange(n), kept), float) for kept, n in zip(maps, widths)]


def test_a_generator_under_gates_is_the_narrow_one():
    with jax.enable_x64():
        (model, params), _ = tiny_gan()
        noise = jnp.asarray(RNG.standard_normal((2, 3)))
        gates = as_gates(MAPS, model.architecture.widths)
        under = jax.jit(gated_generator, static_argnums=0)(model, params, gates, noise, LABELS)
        small, narrow = cut_generator(model, params, MAPS)
        alone = jax.jit(small.apply)({"params": narrow}, noise, LABELS)
        assert alone.dtype == jnp.float64
        np.testing.assert_allclose(under, alone, rtol=1e-12, atol=1e-12)


def test_a_critic_under_gates_is_the_narrow_one():
    with jax.enable_x64():
        _, (model, params) = tiny_gan()
        images = jnp.asarray(RNG.standard_normal((2, *SHAPE)))
        gates = as_gates(CRITIC_MAPS, model.architecture.widths)
        seen = Seen(images, LABELS, LABELS)
        under = jax.jit(gated_critic, static_argnums=0)(model, params, gates, seen)
        small, narrow = cut_critic(model, params, CRITIC_MAPS)
        alone = jax.jit(small.apply)({"params": narrow}, images, LABELS)
        assert alone.scores.dtype == jnp.float64
        np.testing.assert_allclose(under.scores, alone.scores, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("classes", [0, 2])
@pytest.mark.parametrize("widths", [(5, 4, 3), (1, 1, 1), (2, 7, 4)])
def test_costs_are_those_of_the_networks(widths, classes):
    generator = models.create_model(
        "conv_generator_tiny", num_classes=classes, image_size=8, widths=widths, latent=3
    )
    assert generator_macs(generator, widths) == models.cost(generator, SHAPE).macs
    critic = models.create_model(
        "conv_critic_tiny", num_classes=classes, image_size=8, widths=widths
    )
    assert critic_macs(critic, widths) == models.cost(critic, SHAPE).macs


def test_gates_are_open_or_closed_and_a_layer_keeps_one():
    logits = [jnp.asarray([-9.0, -5.0, -7.0]), jnp.asarray([1.0, -9.0])]
    found = open_gates(logits, None)
    assert [layer.tolist() for layer in found] == [[0, 1, 0], [1, 0]]
    for number in range(5):
        for layer in open_gates(logits, jax.random.key(number)):
            assert set(layer.tolist()) <= {0.0, 1.0}
            assert layer.sum() >= 1
    # logits of 0 begin open, and gradients pass the rounding
    np.testing.assert_allclose(openness([jnp.zeros(4)]), [jax.nn.sigmoid(3 / 0.4)], rtol=1e-5)
    slopes = jax.grad(lambda x: open_gates([x], None)[0].sum())(jnp.asarray([-2.0, 1.0]))
    assert (slopes > 0).all()


@pytest.fixture(scope="module")
def players():
    (generator, _), (critic, _) = tiny_gan("float32")
    return GatedPlayers(generator, critic)


@pytest.fixture(scope="module")
def agents(players):
    found = jax.jit(players.init_agents)(jax.random.key(0))
    return {name: {AGENT: params} for name, params in found.items()}


def test_all_channels_begin_open(players, agents):
    gates = jax.jit(players.gates)(agents)
    assert [len(layer) for layer in gates[GENERATOR]] == [5, 4, 3]
    assert [len(layer) for layer in gates[CRITIC]] == [4, 5]
    assert all((layer == 1).all() for layers in gates.values() for layer in layers)


def test_an_agent_hears_the_other_one_once_it_listens(players, agents):
    logits = jax.jit(players.logits)
    before = logits(agents)[GENERATOR]
    heads = ("head_0", "head_1")
    closing = jax.tree.map(lambda x: x, agents)
    own = closing[CRITIC][AGENT]["logits"]
    own.update({name: -3 * own[name] for name in heads})
    # deaf at first: what the critic's agent says changes nothing
    deaf = logits(closing)[GENERATOR]
    for one, other in zip(before, deaf, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    kernel = jax.random.normal(jax.random.key(1), (2, 64))
    closing[GENERATOR][AGENT]["peer"]["kernel"] = kernel
    listening = jax.tree.map(lambda x: x, agents)
    listening[GENERATOR][AGENT]["peer"]["kernel"] = kernel
    heard = [logits(params)[GENERATOR][0] for params in (listening, closing)]
    assert not np.allclose(heard[0], heard[1], atol=1e-4)
