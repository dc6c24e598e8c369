"""Measures a latency table for the windows of a search's config.

effjax profile --config=F --latency-table=OUT.json
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.config import View, check
from effjax.costs import LatencyTable, measure_ms, write_table
from effjax.ops import depthwise_conv, pool_minus_input
from effjax.report import Display
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.cost import measured_sizes, operator_key, rest_of_network
from effjax.search.kernel_sizes.run import check_is_search
from effjax.search.kernel_sizes.sites import Site
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.tasks.registry import find_task

# an operation to be timed, and its arguments
Call = tuple[Callable[..., jax.Array], tuple]


def measure_table(
    config: ml_collections.ConfigDict,
    out: Path,
    display: Display,
) -> LatencyTable:
    """Measures the searched operators of a search's config, writes the table, shows it.

    The forward pass of a whole batch (`data.batch_size`) on the first device, the best of several.

    Raises:
      UserError: the config is not one of a search, or `out` cannot be written.
    """
    net = _supernet(config)
    batch = config.data.batch_size
    dtype = jnp.dtype(config.model.dtype)
    # sites with the same key are the same operation: it is measured once
    sites = {operator_key(site): site for site in net.sizes.sites}
    times = {key: np.zeros(_grid_shape(site)) for key, site in sites.items()}
    display.start(sum(grid.size for grid in times.values()))
    done = 0
    for key, grid in times.items():
        for place in np.ndindex(grid.shape):
            sizes = [2 * ring + 1 for ring in place]
            function, arguments = _operator(sites[key], sizes, batch, dtype)
            grid[place] = measure_ms(function, arguments)
            done += 1
            display.update(done, {"ms": grid[place]})

    function, arguments = _network(net, batch)
    whole = measure_ms(function, arguments)
    # what the operators take in it follows from the table itself
    table = LatencyTable(out, batch, times, (whole, 0.0))
    in_operators = whole - rest_of_network(table, net.sizes.sites)
    table = dataclasses.replace(table, network=(whole, in_operators))
    write_table(table)
    _show(table, display)
    return table


def _supernet(config: ml_collections.ConfigDict) -> Supernet:
    """What a search with this config would search, whatever its budget."""
    check_is_search(config)
    config.task.unlock()
    # the table that a latency budget needs is what is being made
    config.task.update(cost="macs", latency_table=None, scope="operators", budget=None)
    check(config, RunConfig)
    task: Any = find_task(config.task.name)(View(config))
    return task.supernet


def _grid_shape(site: Site) -> list[int]:
    """How many values each size of a site may have."""
    return [(size + 1) // 2 for size in site.largest]


def _operator(
    site: Site,
    sizes: Sequence[int],
    batch: int,
    dtype: Any,
) -> Call:
    """A site's operation on a batch, with a window of these sizes."""
    x = jnp.ones((batch, site.height, site.width, site.channels), dtype)
    if site.kind == "pooling":
        return lambda x: pool_minus_input(x, sizes[0]), (x,)
    kernel = jnp.ones((*site.sides(sizes), 1, site.channels), dtype)
    return depthwise_conv, (x, kernel)


def _network(
    net: Supernet,
    batch: int,
) -> Call:
    """The whole network with the sizes that its config gives."""
    images = jnp.zeros((batch, *net.image_shape), jnp.float32)
    sizes = [size for site in net.sizes.sites for size in measured_sizes(site)]
    model = net.with_sizes(sizes)
    variables = model.init(jax.random.key(0), images[:1])
    return lambda v, x: model.apply(v, x, train=False), (variables, images)


def _show(
    table: LatencyTable,
    display: Display,
) -> None:
    rows = []
    for key, grid in table.times.items():
        # of a height and a width only the squares: a grid does not fit into a line
        shown = np.diag(grid) if grid.ndim == 2 else grid
        rows.append((key, " ".join(f"{ms:.3g}" for ms in shown)))
    display.table(f"ms of {table.batch_size} images with sizes 1, 3, 5, ...", rows)
    whole, in_operators = table.network
    display.line(
        f"the network: {whole:.3g} ms, of which {in_operators:.3g} in these; table: {table.path}"
    )
