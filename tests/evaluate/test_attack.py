"""Attacks on a linear network, where the worst change is known."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.evaluate.attack import fgsm, is_right, pgd

WEIGHTS = jax.random.normal(jax.random.key(0), (4 * 4 * 3, 5)) / 2000
IMAGES = jax.random.uniform(jax.random.key(1), (6, 4, 4, 3), minval=20, maxval=235)
LABELS = jnp.array([0, 1, 2, 3, 4, 0])
KEYS = jax.random.split(jax.random.key(2), 6)


def logits(images):
    return images.reshape(len(images), -1) @ WEIGHTS


def losses(images):
    return optax.softmax_cross_entropy_with_integer_labels(logits(images), LABELS)


def test_fgsm_is_the_worst_change_of_two_classes():
    """Of two logits only the difference counts, so the worst change is the sign of a weight."""
    pair = lambda x: logits(x)[:, :2]  # noqa: E731
    labels = jnp.zeros(6, int)
    moved = fgsm(pair, IMAGES, labels, 3.0)
    direction = jnp.sign(WEIGHTS[:, 1] - WEIGHTS[:, 0]).reshape(4, 4, 3)
    np.testing.assert_allclose(moved, IMAGES + 3.0 * direction[None], rtol=1e-6)


def test_attacks_stay_in_reach_and_do_harm():
    for epsilon in (1.0, 8.0):
        one, many = (
            fgsm(logits, IMAGES, LABELS, epsilon),
            pgd(logits, IMAGES, LABELS, epsilon, KEYS),
        )
        for moved in (one, many):
            assert float(jnp.abs(moved - IMAGES).max()) <= epsilon * (1 + 1e-5)
            assert bool((losses(moved) > losses(IMAGES)).all())
        assert float(losses(many).mean()) >= float(losses(one).mean()) * 0.999


def test_pixels_stay_pixels():
    black = jnp.zeros_like(IMAGES)
    for moved in (fgsm(logits, black, LABELS, 8.0), pgd(logits, black, LABELS, 8.0, KEYS)):
        assert float(moved.min()) >= 0.0


def test_an_example_is_attacked_alike_in_any_batch():
    whole = pgd(logits, IMAGES, LABELS, 4.0, KEYS)
    np.testing.assert_allclose(pgd(logits, IMAGES[2:4], LABELS[2:4], 4.0, KEYS[2:4]), whole[2:4])


def test_nan_is_never_right():
    logits = jnp.array([[jnp.nan, 0.0], [1.0, 0.0], [0.0, jnp.inf]])
    np.testing.assert_array_equal(is_right(logits, jnp.array([0, 0, 1])), [False, True, False])
