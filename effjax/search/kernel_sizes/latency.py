"""Latency tables: how long each operator takes on this machine with each of its sizes.

A table is measured once for a network and a machine (`effjax profile --config=F
--latency-table=OUT.json`) and read by searches whose budget is in milliseconds.
"""

import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.config import View, check
from effjax.errors import UserError
from effjax.ops import depthwise_conv, pool_minus_input
from effjax.report import Display
from effjax.search.kernel_sizes.sites import Site

REPEATS, LEAST_SECONDS = 5, 0.02


@dataclasses.dataclass(frozen=True)
class Table:
    """Measured milliseconds.

    Attributes:
      path: the file.
      batch_size: images of one call.
      times: {operator: [n] or [n, n] over the sizes 1, 3, 5, ...}; see `key_of`.
      network: milliseconds of the whole network, and of its searched operators in it, both with
        the sizes that its config gives, as far as a search may go.
    """

    path: Path
    batch_size: int
    times: dict[str, np.ndarray]
    network: tuple[float, float]

    def fixed(self, sites: Sequence[Site]) -> float:
        """Milliseconds of all that is not in `sites`."""
        whole, _ = self.network
        operators = sum(
            float(times_of(self, site)[tuple((k - 1) // 2 for k in _within(site))])
            for site in sites
        )
        return max(0.0, whole - operators)


def _within(site: Site) -> list[int]:
    """The sizes that the architecture has, or the largest of a search where they are beyond."""
    return [min(given, most) for given, most in zip(site.given, site.largest)]


def key_of(site: Site) -> str:
    """What decides an operator's time beside its sizes, such as "depthwise square 16x16x64"."""
    return f"{site.kind} {'+'.join(site.axes)} {site.height}x{site.width}x{site.channels}"


def times_of(table: Table, site: Site) -> np.ndarray:
    """The milliseconds of a site over the sizes it may take; raises UserError if not measured.

    They never fall with the size: where the clock says so it is noise, or a faster path that the
    search could not rely on.
    """
    times, wanted = table.times.get(key_of(site)), [(k + 1) // 2 for k in site.largest]
    if times is None or any(n < w for n, w in zip(times.shape, wanted)):
        raise UserError(
            f"{table.path} does not hold {key_of(site)} up to size {max(site.largest)}\n"
            "measure it: effjax profile --config=F --latency-table=OUT.json with this config"
        )
    times = times[tuple(slice(w) for w in wanted)]
    for axis in range(times.ndim):
        times = np.maximum.accumulate(times, axis)
    return times


def read_table(path: Path) -> Table:
    """A table that `measure_table` wrote; raises UserError if it is none."""
    try:
        data = json.loads(path.read_text())
        times = {key: np.asarray(value, np.float64) for key, value in data["times"].items()}
        return Table(path, data["batch_size"], times, tuple(data["network_ms"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"config.task.latency_table = {str(path)!r} cannot be read ({error})\n"
            "write one: effjax profile --config=F --latency-table=OUT.json"
        ) from error


def measure_table(config: ml_collections.ConfigDict, out: Path, display: Display) -> Table:
    """Measures the searched operators of a search's config, writes the table, shows it.

    The forward pass of a whole batch (`data.batch_size`) on the first device, the best of several.

    Raises:
      UserError: the config is not one of a search, or `out` cannot be written.
    """
    from effjax.runs.schema import RunConfig
    from effjax.search.kernel_sizes.run import check_is_search
    from effjax.tasks.registry import find_task

    check_is_search(config)
    config.task.unlock()  # what the table is for cannot be asked of it yet
    config.task.update(cost="macs", latency_table=None, scope="operators", budget=None)
    check(config, RunConfig)
    task: Any = find_task(config.task.name)(View(config))
    batch, dtype = config.data.batch_size, jnp.dtype(config.model.dtype)
    sites = {key_of(site): site for site in task.sizes.sites}
    count = sum(int(np.prod([(k + 1) // 2 for k in site.largest])) for site in sites.values())
    display.start(count)
    times, done = {}, 0
    for key, site in sites.items():
        axes = [range(1, k + 1, 2) for k in site.largest]
        grid = np.zeros([len(axis) for axis in axes])
        for place, sizes in zip(np.ndindex(grid.shape), itertools.product(*axes)):
            grid[place] = _milliseconds(*_operator(site, sizes, batch, dtype))
            done += 1
            display.update(done, {"ms": grid[place]})
        times[key] = grid
    whole = _milliseconds(*_network(task, batch))
    table = Table(out, batch, times, (whole, 0.0))
    used = whole - table.fixed(task.sizes.sites)
    _write(table, (whole, used))
    rows = [
        (
            key,
            " ".join(f"{t:.3g}" for t in np.diag(g) if g.ndim == 2)
            or " ".join(f"{t:.3g}" for t in g),
        )
        for key, g in times.items()
    ]
    display.table(f"ms of {batch} images with sizes 1, 3, 5, ...", rows)
    display.line(f"the network: {whole:.3g} ms, of which {used:.3g} in these; table: {out}")
    return dataclasses.replace(table, network=(whole, used))


def _operator(
    site: Site, sizes: Sequence[int], batch: int, dtype: Any
) -> tuple[Callable[..., jax.Array], tuple]:
    x = jnp.ones((batch, site.height, site.width, site.channels), dtype)
    if site.kind == "pooling":
        return lambda x: pool_minus_input(x, sizes[0]), (x,)
    return depthwise_conv, (x, jnp.ones((*site.sides(sizes), 1, site.channels), dtype))


def _network(task: Any, batch: int) -> tuple[Callable[..., jax.Array], tuple]:
    images = jnp.zeros((batch, *task.split.image_shape), jnp.float32)
    model = task.with_sizes([size for site in task.sizes.sites for size in _within(site)])
    variables = model.init(jax.random.key(0), images[:1])
    return lambda v, x: model.apply(v, x, train=False), (variables, images)


def _milliseconds(function: Callable[..., jax.Array], arguments: tuple) -> float:
    """Of one call, compiled: the best of some repeats of as many calls as can be timed."""
    compiled = jax.jit(function).lower(*arguments).compile()

    def seconds(calls: int) -> float:
        since = time.perf_counter()
        for _ in range(calls):
            result = compiled(*arguments)
        jax.block_until_ready(result)
        return time.perf_counter() - since

    seconds(1)
    calls = max(1, round(LEAST_SECONDS / max(seconds(1), 1e-6)))
    return 1e3 * min(seconds(calls) for _ in range(REPEATS)) / calls


def _write(table: Table, network: tuple[float, float]) -> None:
    device = jax.devices()[0]
    data = {
        "device": f"{device.platform}:{device.device_kind}",
        "jax": jax.__version__,
        "batch_size": table.batch_size,
        "network_ms": list(network),
        "times": {key: grid.round(6).tolist() for key, grid in table.times.items()},
    }
    try:
        table.path.parent.mkdir(parents=True, exist_ok=True)
        table.path.write_text(json.dumps(data, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write --latency-table={table.path}: {error.strerror}") from error
