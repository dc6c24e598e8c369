import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.generators.local_density import (
    density_loss,
    kernel_variance,
    log_densities,
    neighbourhoods,
    squared_distances,
)

RNG = np.random.default_rng(0)


def test_the_density_of_a_linear_generator_is_that_of_a_wider_normal():
    """Of x = A z the mean kernel is known: a normal of covariance A A^T + variance."""
    matrix = np.asarray([[1.0, 0.3], [-0.5, 0.8], [0.2, 0.1]])
    variance = 0.7
    samples = RNG.standard_normal((100_000, 2)) @ matrix.T
    points = RNG.standard_normal((4, 2)) @ matrix.T
    found = jax.jit(log_densities)(
        jnp.asarray(points)[None], jnp.asarray(samples)[None], jnp.asarray([variance])
    )
    covariance = matrix @ matrix.T + variance * np.eye(3)
    exponents = -0.5 * np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
    shrunk = 0.5 * (3 * np.log(variance) - np.linalg.slogdet(covariance)[1])
    np.testing.assert_allclose(found[0], exponents + shrunk, atol=0.02)


def test_neighbours_are_the_nearest_and_the_centre_is_first():
    features = RNG.standard_normal((20, 3)).astype(np.float32)
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(features, features), distances, rtol=1e-5)
    expected = np.argsort(distances, axis=1)[:, :5]
    np.testing.assert_array_equal(neighbourhoods(jnp.asarray(features), 5), expected)


def test_a_copy_is_its_own_neighbour():
    features = jnp.asarray([[0.0], [0.0], [5.0]])
    assert neighbourhoods(features, 2).tolist() == [[0, 1], [1, 0], [2, 0]]


def test_the_variance_is_that_of_pairs():
    features = jnp.asarray([[[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]])
    np.testing.assert_allclose(kernel_variance(features), [(25 + 16 + 9) / 3], rtol=1e-6)


def test_samples_that_are_kept_differ_by_nothing_and_others_by_more_the_farther_they_are():
    wanted = jnp.asarray(RNG.standard_normal((3, 6, 2)), jnp.float32)
    loss = jax.jit(density_loss)
    assert float(loss(wanted, wanted)) == 0
    # in another order they are the same samples
    np.testing.assert_allclose(loss(wanted[:, ::-1], wanted), 0, atol=1e-9)
    apart = [float(loss(wanted + shift, wanted)) for shift in (0.1, 0.5, 2.0)]
    assert 0 < apart[0] < apart[1] < apart[2]
    # collapsed onto the centre of each neighbourhood
    assert float(loss(jnp.broadcast_to(wanted[:, :1], wanted.shape), wanted)) > 0.01
