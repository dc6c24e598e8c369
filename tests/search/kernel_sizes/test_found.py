"""What is found: a network that loses nothing; baselines are named, divergence is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.kernel_sizes.found import baseline_of, found_for, middle
from effjax.search.kernel_sizes.task import read_off
from tests.search.kernel_sizes.conftest import fresh, supernet_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "kernels"),
    [
        ("convformer_s18", "superkernel"),
        pytest.param("inception_next_atto", "implicit", marks=pytest.mark.slow),
        pytest.param("convformer_s18", "implicit", marks=pytest.mark.slow),
        pytest.param("convnext_atto", "superkernel", marks=pytest.mark.slow),
        pytest.param("caformer_s18", "superkernel", marks=pytest.mark.slow),
    ],
)
def test_outer_rounding_loses_nothing(model, kernels):
    """Beyond the ramp all taps are zero, so the network that is written gives the same logits."""
    separable = model == "inception_next_atto"
    keys = {"kernels": kernels, "sizes": "free", "rule": "outer", "repair": False}
    task, state = fresh(model, **keys, separable=separable)
    logits = -jnp.linspace(
        2.0, 6.0, len(task.supernet.sizes.largest)
    )  # far from the start, and apart
    state = state.replace(params={**state.params, "sizes": {"logits": logits}})
    found = read_off(task, state, task.supernet.budgets[0])
    assert np.any(np.asarray(found.sizes) < task.supernet.sizes.largest)
    assert np.all((found.soft <= found.sizes) & (found.soft > np.asarray(found.sizes) - 2))
    images = jax.random.randint(jax.random.key(0), (4, 16, 16, 3), 0, 256).astype(jnp.uint8)
    batch = {"image": images}
    ours = jax.jit(task.predict)(state.params, state.model_state, batch)
    exported = jax.jit(found.model.apply)(found.variables, task.images(batch))
    np.testing.assert_allclose(exported, ours, rtol=1e-5, atol=1e-6)


def test_the_middle_of_a_kernel():
    kernel = np.arange(7 * 5).reshape(7, 5, 1, 1)
    np.testing.assert_array_equal(middle(kernel, (3, 1)), kernel[2:5, 2:3])


@pytest.mark.parametrize(
    ("sizes", "baseline"),
    [
        ([1, 1, 1, 1], "1 everywhere"),
        ([5, 5, 5, 3], "5 everywhere, as far as the maps allow"),
        ([7, 7, 7, 3], "7 everywhere, as far as the maps allow"),
        ([5, 3, 5, 3], None),
    ],
)
def test_a_baseline_is_named(sizes, baseline):
    assert baseline_of(supernet_of("convformer_s18"), sizes) == baseline


def test_the_given_sizes_are_a_baseline():
    net = supernet_of("convformer_s18", where="stages_[01]")
    net.given_sizes = [3, 7]
    assert baseline_of(net, [3, 7]) == "the sizes that config.model gives"


def test_a_search_that_has_diverged_has_no_network():
    task, state = fresh("convformer_s18", sizes="free")
    net = task.supernet
    ruined = {**state.params, "sizes": {"logits": jnp.full(4, jnp.nan)}}
    with pytest.raises(UserError, match="has diverged"):
        found_for(net, ruined, {}, net.budgets[0])
