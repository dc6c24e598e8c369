import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.adversarial.ppo import (
    classifier_loss,
    clipped_objective,
    density_ratio,
    importance,
)
from tests.parity.generative_check import check_recorded

SCORES = jnp.asarray([-1.0, 0.5, 2.0, 9.0])
POINTS = jnp.linspace(-2, 2, 9)


def test_recorded_values():
    check_recorded("ppogan/")


def log_normal(x, mean):
    return -jnp.square(x - mean) / 2


def best_logit(x, mean):
    """Of the classifier that knows the data, a normal at 0, and the generator's, one at `mean`."""
    return log_normal(x, 0.0) - log_normal(x, mean)


def test_with_the_best_classifiers_the_ratio_is_that_of_the_densities():
    old, new = 0.3, 0.7
    ratio = density_ratio(best_logit(POINTS, new), best_logit(POINTS, old))
    densities = jnp.exp(log_normal(POINTS, new) - log_normal(POINTS, old))
    np.testing.assert_allclose(ratio, densities, rtol=1e-5)


def test_a_generator_that_stands_still_has_a_ratio_of_one():
    """The objective is then the critic's score, and so is its gradient beside the ratio's."""
    logits = best_logit(POINTS, 0.4)
    ratio = density_ratio(logits, logits)
    np.testing.assert_allclose(ratio, 1)
    np.testing.assert_allclose(clipped_objective(POINTS, ratio, 0.4), POINTS)


def test_the_identity_of_importance_sampling():
    """The slope of E_old[ratio f] by the new mean, at the old one, is that of E_new[f]."""
    mean = 0.4
    draws = np.random.default_rng(0).standard_normal(400_000).astype(np.float32) + mean

    def by_ratio(new):
        ratio = jnp.exp(log_normal(draws, new) - log_normal(draws, mean))
        return clipped_objective(jnp.square(draws), ratio, 1e9).mean()

    # E_new[x^2] is 1 + new^2
    assert float(jax.grad(by_ratio)(mean)) == pytest.approx(2 * mean, abs=0.02)


def test_a_ratio_counts_up_to_its_end_and_no_lower_end_acts():
    ratio = jnp.asarray([0.1, 1.0, 1.4, 3.0])
    for score in (-2.0, 2.0):
        found = clipped_objective(jnp.full(4, score), ratio, 0.4)
        np.testing.assert_allclose(found, score * np.asarray([0.1, 1, 1.4, 1.4]), rtol=1e-6)


def test_weights_are_a_softmax_of_the_valid_fakes():
    valid = jnp.asarray([1.0, 1.0, 1.0, 0.0])
    expected = np.append(3 * jax.nn.softmax(SCORES[:3]), 0)
    np.testing.assert_allclose(importance(SCORES, valid), expected, rtol=1e-6)
    gradient = jax.grad(lambda s: importance(s, valid).sum())(SCORES)
    assert not gradient.any()


def test_a_classifier_that_guesses_loses_log_two():
    real, fake = classifier_loss(jnp.zeros(2), jnp.zeros(2))
    np.testing.assert_allclose([*real, *fake], np.log(2), rtol=1e-6)
