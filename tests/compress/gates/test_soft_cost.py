"""Costs of soft sizes."""

import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.compress.gates.soft_cost import soft_cost
from effjax.compress.shrink import shrink
from effjax.compress.sites import sites_of
from effjax.costs.exact import count
from effjax.errors import UserError

SHAPE = (16, 16, 3)
STAGES = {"depths": (1, 1), "patch_kernels": (4, 2), "patch_strides": (4, 2), "patch_pads": (0, 0),
          "kernel_sizes": (3, 3), "layer_scale": (None,) * 2, "residual_scale": (None,) * 2,
          "remat": (False,) * 2}  # fmt: skip
NETWORKS = {
    "caformer_s18": {
        **STAGES,
        "dims": (8, 8),
        "mixers": ("separable_conv", "attention(head_dim=4)"),
    },
    "resnet50": {"depths": (1, 2), "dims": (4, 8), "strides": (1, 2), "remat": (False,) * 2,
                 "stem_kernel": 3, "stem_stride": 1, "stem_pool": False},
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_soft_cost_is_exact_at_whole_channels(name):
    model = models.create_model(name, num_classes=3, **NETWORKS[name])
    shapes = models.abstract_variables(model, SHAPE)
    variables = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)
    sites = sites_of(model, shapes)
    kept, shares = {}, []
    for number, site in enumerate(sites):
        stay = site.group.size if number % 3 else max(1, site.group.size // 2)
        kept[site.group.name] = list(range(stay))
        shares.append(stay / site.group.size)
    small, _ = shrink(model, variables, kept)
    for unit in ("macs", "params"):
        cost = soft_cost(model, sites, SHAPE, unit)
        assert cost.total == count(model, SHAPE, unit)
        assert cost(shares) == pytest.approx(count(small, SHAPE, unit))


def test_measured_time_has_no_gradient():
    with pytest.raises(UserError, match="not of latency"):
        soft_cost(None, [], SHAPE, "latency")
