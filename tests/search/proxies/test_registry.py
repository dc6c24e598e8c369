"""Scores by name, on a network whose mixers are chosen by a number among its variables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.proxies import PROXIES, Batch, Candidate, apply_of, score
from tests.search.proxies import tiny

ONE_OF = "one_of(options=('identity', 'separable_conv'), windows=(3, 3))"


def images():
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 16, 16, 3)).astype(np.float32), np.arange(4) % 3


def scores_of(mixers, names):
    """{name: score} of two blocks; the second options of `one_of` are chosen."""
    model = tiny.metaformer(mixers)
    variables = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    if "choices" in variables:
        variables["choices"] = jax.tree.map(lambda leaf: jnp.int32(1), variables["choices"])
    batch = Batch(*(jnp.asarray(part) for part in images()))
    network = Candidate(model, variables, batch, apply_of(model))
    return {name: PROXIES.find(name)(network) for name in names}


def test_patterns_of_a_chosen_mixer():
    found = scores_of((ONE_OF, ONE_OF), ("naswot", "macs"))
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.slow
def test_all_scores_of_a_chosen_mixer():
    """Compiled with the number as an input, save those that look inside of the branch."""
    found = scores_of((ONE_OF, ONE_OF), PROXIES.entries)
    assert all(np.isfinite(value) for value in found.values()), found
    assert found["snip"] > 0
    assert found["synflow"] > 0


@pytest.mark.slow
def test_all_scores():
    found = scores_of(("separable_conv", "attention(head_dim=4)"), PROXIES.entries)
    assert all(np.isfinite(value) for value in found.values()), found


def test_an_unknown_score_names_the_nearest():
    model = tiny.metaformer(("identity", "identity"))
    with pytest.raises(UserError, match="synflow"):
        score("synflw", model, {}, *images())
