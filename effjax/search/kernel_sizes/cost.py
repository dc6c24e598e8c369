"""The cost model of a search: its factors from the network, its milliseconds from a table."""

import math
from pathlib import Path

from effjax import models
from effjax.models import ImageModel
from effjax.search.kernel_sizes.budget import Cost
from effjax.search.kernel_sizes.latency import read_table, times_of
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.sites import Sizes


def make_cost(
    keys: SearchConfig, sizes: Sizes, largest: ImageModel, input_shape: tuple[int, int, int]
) -> Cost:
    """Costs as `keys` say.

    Args:
      sizes: the sites.
      largest: the network with the largest windows.
      input_shape: of an image, [H, W, C].

    Raises:
      UserError: a latency table that cannot be read or that lacks a site.
    """
    sites = sizes.sites
    taps = [site.channels * (site.kind == "depthwise") for site in sites]
    factors = {
        "params": taps,
        "macs": [tap * site.height * site.width for tap, site in zip(taps, sites)],
        "latency": [0] * len(sites),
    }[keys.cost]
    tables, fixed = (None,) * len(sites), 0
    whole = keys.scope == "network"
    if keys.cost == "latency":
        table = read_table(Path(keys.latency_table))
        tables = tuple(times_of(table, site) for site in sites)
        if whole:
            fixed = table.fixed(sites)
    elif whole:
        total = models.cost(largest, input_shape)
        count = total.params if keys.cost == "params" else total.macs
        areas = [math.prod(site.sides(site.largest)) for site in sites]
        fixed = count - sum(factor * area for factor, area in zip(factors, areas))
    return Cost(keys.cost, sizes, tuple(factors), tables, fixed)
