"""Bells that explain a network."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.compress.gates.saliency import (
    FIRST_WIDTH,
    LEAST_WIDTH,
    Explainer,
    apart,
    bell_map,
    explanation_loss,
)


def test_a_bell_is_one_at_its_centre_and_falls_as_a_gaussian():
    found = bell_map(jnp.asarray([[0.125, 0.625, 0.25]]), 4, 4)
    assert found.shape == (1, 4, 4)
    assert found[0, 2, 0] == pytest.approx(1.0)  # y = 2.5 / 4, x = 0.5 / 4
    assert found[0, 2, 1] == pytest.approx(np.exp(-0.5))  # a sigma to the right
    assert found[0, 0, 0] == pytest.approx(np.exp(-2.0))  # two sigmas above


def test_before_learning_a_bell_covers_the_image():
    maps = [jnp.zeros((2, 4, 4, 3)), jnp.zeros((2, 2, 2, 5))]
    head = Explainer().init(jax.random.key(0), maps)
    bells = Explainer().apply(head, maps)
    np.testing.assert_allclose(bells, [[0.5, 0.5, LEAST_WIDTH + FIRST_WIDTH]] * 2, rtol=1e-6)


def test_the_loss_by_hand():
    whole, seen = jnp.log(jnp.asarray([[0.5, 0.5]])), jnp.log(jnp.asarray([[0.25, 0.75]]))
    mask = jnp.full((1, 2, 2), 0.3)
    lost = 0.5 * np.log(2.0) + 0.5 * np.log(2 / 3)
    np.testing.assert_allclose(explanation_loss(whole, seen, mask, 2.0), [lost + 0.6], rtol=1e-6)
    np.testing.assert_allclose(explanation_loss(whole, whole, mask, 0.0), [0.0], atol=1e-7)
    np.testing.assert_allclose(apart(jnp.zeros((1, 3)), jnp.asarray([[3.0, 0, 0]])), [3.0])


def test_a_bell_finds_the_patch_that_decides():
    """The class is the colour of one bright pixel; the rest is dim noise that says nothing."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 0.1, (64, 8, 8, 3))
    places = rng.integers(0, 8, (64, 2))
    colours = rng.integers(0, 3, 64)
    images[np.arange(64), places[:, 0], places[:, 1], colours] = 2.0
    images = jnp.asarray(images, jnp.float32)

    def logits(seen):
        return 3.0 * seen.sum((1, 2))

    def loss(head):
        mask = bell_map(Explainer().apply(head, [images]), 8, 8)
        return explanation_loss(logits(images), logits(images * mask[..., None]), mask).mean()

    tx = optax.adam(0.05)

    @jax.jit
    def update(_, carry):
        head, state = carry
        step, state = tx.update(jax.grad(loss)(head), state)
        return optax.apply_updates(head, step), state

    head = Explainer().init(jax.random.key(0), [images])
    head, _ = jax.lax.fori_loop(0, 200, update, (head, tx.init(head)))
    bells = np.asarray(Explainer().apply(head, [images]))
    centres = (places[:, ::-1] + 0.5) / 8
    assert np.abs(bells[:, :2] - centres).mean() < 0.1  # evenly placed ones are 0.28 off
    assert bells[:, 2].mean() < 0.3
