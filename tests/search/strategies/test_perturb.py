"""Zero-Cost-PT on two blocks."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.choices import Choice
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from effjax.search.registry import find_strategy
from effjax.search.space import ArchSpace

FIELDS = {
    "depths": (1, 1),
    "dims": (4, 4),
    "mixers": ("identity", "identity"),
    "kernel_sizes": (3, 3),
    "patch_kernels": (2, 2),
    "patch_strides": (2, 2),
    "patch_pads": (0, 0),
    "layer_scale": (None, None),
    "residual_scale": (None, None),
    "remat": (False, False),
    "mlp_ratio": 1.0,
    "drop_path_rate": 0.0,
}
MIXERS = ("identity", "pooling", "depthwise3")


def problem_of(*choices, evaluations=1):
    space = ArchSpace("convformer_s18", choices, **FIELDS)
    problem = Problem(space, ByFunction(lambda point: float(sum(point))), evaluations)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((6, 8, 8, 3)).astype(np.float32)
    problem.batch = lambda number, size: (images, np.arange(6) % 3)
    problem.model = lambda point: space.model(point, num_classes=3)
    return problem


def test_every_block_is_decided_and_the_choice_is_evaluated():
    choices = [Choice(f"stages_{stage}.blocks_0.mixer", MIXERS) for stage in range(2)]
    problem = problem_of(*choices)
    found = find_strategy("perturb")(problem, order="order", proposals=1, images=6)
    decisions = found.notes["decisions"]
    assert [decision["edge"] for decision in decisions] == [0, 1]
    for decision in decisions:
        assert np.argmin(decision["scores"]) == decision["option"]
        assert found.point[decision["edge"]] == decision["option"]
    # taking out what has no activation of its own moves no pattern of its own
    assert np.isfinite(found.notes["score"])
    assert problem.best.point == found.point


def test_other_choices_are_refused():
    problem = problem_of(Choice("mlp_ratio", (1.0, 2.0)))
    with pytest.raises(UserError, match="mlp_ratio is something else"):
        find_strategy("perturb")(problem)
