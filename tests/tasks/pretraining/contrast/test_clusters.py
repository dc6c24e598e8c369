import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.contrast.clusters import (
    Clusters,
    against_all,
    against_drawn,
    concentration,
    draw_negatives,
    k_means,
)
from tests.parity.selfsup_check import check_recorded


def test_prototypes_are_as_recorded():
    check_recorded("pcl/", "pcl_phi/")


@pytest.mark.slow
def test_k_means_reaches_the_recorded_cost():
    check_recorded("kmeans/")


def test_as_many_clusters_as_places_cost_nothing():
    places = jax.random.normal(jax.random.key(0), (5, 3))
    x = jnp.repeat(places, 4, axis=0)
    found = k_means(jax.random.key(1), x, 5, iterations=3, restarts=2)
    assert float(found.cost) == pytest.approx(0.0, abs=1e-9)
    assert len(np.unique(found.assigned)) == 5


def test_more_clusters_than_places_leave_some_empty_and_finite():
    x = jnp.repeat(jnp.eye(3), 4, axis=0)
    found = k_means(jax.random.key(1), x, 6, iterations=3, restarts=2)
    assert np.isfinite(found.centroids).all()
    assert np.isfinite(concentration(x, found, 0.2)).all()


def test_concentrations_have_the_wanted_mean_also_of_single_examples():
    x = jnp.eye(3)
    clusters = Clusters(x, jnp.arange(3), jnp.zeros(()))
    np.testing.assert_allclose(concentration(x, clusters, 0.2), 0.2)


def test_drawn_negatives_are_nobodys():
    batch = jnp.array([3, 3, 7, 1])
    drawn = np.asarray(draw_negatives(jax.random.key(0), batch, 12, 8))
    assert len(set(drawn.tolist())) == 8
    assert not {1, 3, 7} & set(drawn.tolist())


def test_against_all_is_against_drawn_where_these_are_all_others():
    prototypes = jax.random.normal(jax.random.key(0), (6, 4))
    query = jax.random.normal(jax.random.key(1), (2, 4))
    own = jnp.array([4, 1])
    phi = jnp.linspace(0.1, 0.3, 6)
    others = jnp.array([0, 2, 3, 5])
    np.testing.assert_allclose(
        against_all(query, prototypes, phi, own),
        against_drawn(query, prototypes, phi, own, others, 0),
        rtol=1e-5,
    )
