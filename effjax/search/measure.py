"""Measures a table of latencies for the choices of a space.

effjax profile --config=F --latency-table=OUT.json
"""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.costs import PartsTable, measure_ms
from effjax.costs.parts import Part, parts_of
from effjax.report import Display
from effjax.search.costing import PointCosts
from effjax.search.options import Search
from effjax.search.space import ArchSpace, Point
from effjax.search.verb import images_of

SAMPLES = 8  # random points whose parts are measured, beside one change of each kind


def measure_space(
    config: ml_collections.ConfigDict,
    wanted: Search,
    out: Path,
    display: Display,
    samples: int = SAMPLES,
) -> PartsTable:
    """Measures the parts of a space's networks, writes the table, shows how it compares.

    The forward pass of a batch (`data.batch_size`) on the first device. A part that only a rare
    combination of choices has is measured when a search meets it.

    Raises:
      UserError: anything in the config that cannot be done, or `out` cannot be written.
    """
    images = images_of(config)
    table = PartsTable(out, config.data.batch_size)
    costs = PointCosts(wanted.space, images.shape, images.classes, table, config.model.dtype)
    parts: dict[str, Part] = {}
    for point in some_of_all(wanted.space, samples):
        model = wanted.space.model(point, images.classes, dtype=config.model.dtype)
        for part in parts_of(model, costs.shape(point), table.batch_size):
            parts.setdefault(part.key, part)
    display.start(len(parts), unit="part")
    for number, part in enumerate(parts.values(), start=1):
        display.update(number, {"ms": table.of(part)})
    _show(table, costs, display)
    return table


def some_of_all(
    space: ArchSpace,
    samples: int,
) -> Iterator[Point]:
    """A point, all that are one choice away from it, and random ones: every option is met."""
    rng = np.random.default_rng(0)
    first = space.sample(rng)
    yield first
    yield from space.neighbours(first)
    for _ in range(samples):
        yield space.sample(rng)


def _show(
    table: PartsTable,
    costs: PointCosts,
    display: Display,
) -> None:
    """The slowest parts, and a whole network beside the sum of its parts."""
    slowest = sorted(table.parts.values(), key=lambda part: -part["ms"])
    rows = [(part["what"], f"{part['ms']:.3g}") for part in slowest[:20]]
    title = f"{len(table.parts)} parts, ms of {table.batch_size} images"
    display.table(title, rows, ("part", "ms"), right=(1,))
    point = costs.space.sample(np.random.default_rng(0))
    model = costs.space.model(point, costs.num_classes, dtype=costs.dtype)
    images = jnp.zeros((table.batch_size, *costs.shape(point)), jnp.float32)
    variables = model.init(jax.random.key(0), images[:1])
    whole = measure_ms(lambda v, x: model.apply(v, x, train=False), (variables, images))
    total = costs.of(point, "latency")
    display.line(f"a network of the space: {whole:.3g} ms; its parts: {total:.3g} ms together")
    display.line(f"table: {table.path}")
