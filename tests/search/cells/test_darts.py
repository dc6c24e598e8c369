import jax
import numpy as np
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.search.cells.darts import DartsSearch
from tests.search.cells.small import small_config


def test_operation_weights_are_shares():
    task = DartsSearch(View(small_config("darts")))
    alphas = {kind: jax.random.normal(jax.random.key(0), (2, 4)) for kind in ("normal", "reduce")}
    weights = task.operation_weights(alphas, None, 0)
    np.testing.assert_allclose(weights["normal"].sum(-1), 1, rtol=1e-6)


def test_the_exact_second_order_takes_forward_derivatives():
    for order, wanted in (("first", False), ("second", True)):
        task = DartsSearch(View(small_config("darts", order=order)))
        assert task.takes_forward_derivatives == wanted


def test_a_difference_for_the_first_order_is_refused():
    config = small_config("darts", order="first", derivative="finite_difference")
    with pytest.raises(UserError, match="is a way to the second order"):
        DartsSearch(View(config))
