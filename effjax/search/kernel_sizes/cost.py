"""What the sizes of a network cost: one term for each site, in the unit of the search."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effjax.costs import CostModel, LatencyTable, MeasuredWindow, WindowTaps, count, read_table
from effjax.costs.model import Term
from effjax.models import ImageModel
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.sites import Site, Sizes


def make_cost(
    keys: SearchConfig,
    sizes: Sizes,
    largest: ImageModel,
    input_shape: tuple[int, int, int],
) -> CostModel:
    """The cost of the sizes as `keys` say.

    Args:
      sizes: the sites.
      largest: the network with the largest windows.
      input_shape: of an image, [H, W, C].

    Raises:
      UserError: a latency table that cannot be read or that lacks a site.
    """
    # by default only the searched operators count: in the whole network they hardly matter
    whole_network = keys.scope == "network"
    terms: list[Term]
    if keys.cost == "latency":
        table = read_table(Path(keys.latency_table))
        terms = [_measured(sizes, n, table) for n in range(len(sizes.sites))]
        fixed = rest_of_network(table, sizes.sites) if whole_network else 0
    else:
        terms = [_taps(sizes, n, keys.cost) for n in range(len(sizes.sites))]
        fixed = 0
        if whole_network:
            at_largest = sum(term.exact(sizes.largest) for term in terms)
            fixed = count(largest, input_shape, keys.cost) - at_largest
    return CostModel(keys.cost, tuple(terms), sizes.largest, fixed)


def _taps(
    sizes: Sizes,
    n: int,
    unit: str,
) -> WindowTaps:
    """The cost of site n in parameters or multiply-adds; pooling has none of either."""
    site = sizes.sites[n]
    places = dict(zip(site.axes, sizes.places(n)))
    square = places.get("square")  # one size for both sides
    each = site.channels if site.kind == "depthwise" else 0
    if unit == "macs":
        each *= site.height * site.width
    return WindowTaps(each, places.get("high", square), places.get("wide", square))


def _measured(
    sizes: Sizes,
    n: int,
    table: LatencyTable,
) -> MeasuredWindow:
    """The milliseconds of site n."""
    return MeasuredWindow(times_of(table, sizes.sites[n]), tuple(sizes.places(n)))


# ------------------------------------------------------------------------------- latency tables


def operator_key(site: Site) -> str:
    """What decides an operator's time beside its sizes, such as "depthwise square 16x16x64"."""
    return f"{site.kind} {'+'.join(site.axes)} {site.height}x{site.width}x{site.channels}"


def times_of(
    table: LatencyTable,
    site: Site,
) -> np.ndarray:
    """The milliseconds of a site over the sizes that it may take, [n] or [n, n]."""
    options = [(size + 1) // 2 for size in site.largest]
    return table.of(operator_key(site), options)


def rest_of_network(
    table: LatencyTable,
    sites: Sequence[Site],
) -> float:
    """Milliseconds of everything in the network that is not in `sites`.

    The whole network was measured with the sizes of its config, so these are subtracted.
    """
    whole, _ = table.network
    operators = 0.0
    for site in sites:
        entry = tuple((size - 1) // 2 for size in measured_sizes(site))
        operators += float(times_of(table, site)[entry])
    # an operator alone can be slower than in the network, where XLA fuses it with its neighbours
    return max(0.0, whole - operators)


def measured_sizes(site: Site) -> list[int]:
    """The sizes of a site in the measured network: those given, up to the largest of the search."""
    return [min(given, most) for given, most in zip(site.given, site.largest)]
