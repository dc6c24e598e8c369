"""A small space and problems on it, for the tests of this folder."""

import pytest

from effjax.search.choices import Choice
from effjax.search.costing import PointCosts
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from effjax.search.space import ArchSpace

SMALL = {
    "depths": (1, 1),
    "dims": (8, 8),
    "kernel_sizes": (7, 7),
    "patch_kernels": (3, 3),
    "patch_strides": (2, 2),
    "patch_pads": (1, 1),
    "layer_scale": (None, None),
    "residual_scale": (None, None),
    "remat": (False, False),
    "mixers": ("separable_conv", "separable_conv"),
}
CHOICES = (
    Choice("stages_0.mixer", ("identity", "pooling", "depthwise3")),
    Choice("depths.1", (1, 2)),
    Choice("stages_1.blocks_1.kernel_sizes", (3, 5)),
    Choice("mlp_ratio", (2.0, 4.0)),
)


@pytest.fixture(scope="session")
def space() -> ArchSpace:
    """24 points, 18 architectures."""
    return ArchSpace("convformer_s18", CHOICES, **SMALL)


@pytest.fixture(scope="session")
def costs(space) -> PointCosts:
    return PointCosts(space, (8, 8, 3), 4)


@pytest.fixture
def problem(space, costs):
    """Makes a problem whose values are the sums of indices."""

    def make(evaluations=6, function=sum, **settings):
        return Problem(space, ByFunction(function), evaluations, costs=costs, **settings)

    return make
