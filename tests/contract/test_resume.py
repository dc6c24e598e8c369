"""Every toy task, interrupted half-way and continued, ends as if nothing had happened."""

import jax
import numpy as np
import pytest

from effjax.runs.packing import leaf_paths
from tests.contract.test_between import Clusters
from tests.contract.test_bilevel import Bilevel
from tests.contract.test_diffusion import Diffusion
from tests.contract.test_gan import Gan
from tests.contract.test_momentum_teacher import MomentumTeacher
from tests.contract.test_sandwich import Sandwich


@pytest.mark.parametrize("task", [Bilevel, Clusters, Gan, Diffusion, MomentumTeacher, Sandwich])
def test_resumes_to_the_bit(task, trained, interrupted):
    whole, halves = trained(task), interrupted(task)
    assert results(halves) == results(whole)
    for path, one, other in zip(
        leaf_paths(whole.state), plain_leaves(whole.state), plain_leaves(halves.state), strict=True
    ):
        np.testing.assert_array_equal(one, other, err_msg=path)


def results(run):
    """The rows without what is a matter of the clock."""
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in run.rows]


def plain_leaves(state):
    return jax.tree.leaves(state.replace(rng=jax.random.key_data(state.rng)))
