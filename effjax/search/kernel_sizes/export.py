"""What a search leaves in its folder: architectures, weights, search.json, a picture."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax import models
from effjax.report.kernel_sizes import plot_search
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.runs.metrics import read_rows
from effjax.search.kernel_sizes.found import Found, baseline_of
from effjax.search.kernel_sizes.preference import preference_of
from effjax.search.kernel_sizes.supernet import Supernet

SEARCH, PICTURE = "search.json", "kernel_sizes.png"


def recalibrated(
    found: Found,
    batches: Iterable[tuple[jax.Array, jax.Array]],
) -> Found:
    """The same network with batch statistics of the given images, if it has some.

    The statistics of the search belong to soft windows. None are changed without images.

    Args:
      found: what was found.
      batches: (images [B, H, W, 3], mask [B]); images whose mask is 0 do not count.
    """
    if "batch_stats" not in found.variables:
        return found

    @jax.jit
    def update(
        variables: Any,
        images: jax.Array,
        mask: jax.Array,
    ) -> Any:
        # a negative index leaves an example out of the statistics
        index = jnp.arange(len(images))
        examples = jnp.where(mask > 0, index, -1 - index)
        _, changed = found.model.apply(
            variables,
            images,
            train=True,
            examples=examples,
            rngs={"dropout": jax.random.key(0)},
            mutable=["batch_stats"],
        )
        return {**variables, **changed}

    variables = found.variables
    for images, mask in batches:
        variables = update(variables, images, mask)
    return dataclasses.replace(found, variables=jax.device_get(variables))


def export(
    net: Supernet,
    results: Sequence[Found],
    held_out: Sequence[dict[str, float]],
    name: str,
    workdir: Path,
    hold: int = 0,
) -> None:
    """Writes what was found into the run's folder.

    The first budget's network is architecture.json and weights.safetensors; those of further
    budgets are architecture-<n>.json and weights-<n>.safetensors.

    Args:
      net: what was searched.
      results: what was found, one a budget.
      held_out: their loss and accuracy before they are trained any further.
      name: the registered model that the architecture derives from.
      hold: the number of updates in which sizes were frozen.
    """
    rows = read_rows(workdir)
    records = []
    for n, (found, scores) in enumerate(zip(results, held_out, strict=True)):
        suffix = f"-{n + 1}" if n else ""
        architecture = workdir / FOUND_ARCHITECTURE.replace(".", f"{suffix}.")
        weights = workdir / FOUND_WEIGHTS.replace(".", f"{suffix}.")
        models.write_architecture(name, found.model.architecture, architecture)
        models.save_weights(found.model, found.variables, weights)
        record = record_of(net, found, scores, architecture.name)
        # the rows are of the sizes at the first budget
        preference = preference_of(net, found.soft, () if n else rows, hold)
        records.append(record | {"preference": preference.to_json()})
    write_atomically(workdir / SEARCH, json.dumps(records, indent=2) + "\n")
    _draw(net, results[0], rows, workdir)


def record_of(
    net: Supernet,
    found: Found,
    held_out: dict[str, float],
    architecture: str,
) -> dict[str, Any]:
    """The entry of search.json for one budget; `architecture` is the name of its file."""
    names = net.sizes.names
    soft = [round(float(size), 3) for size in found.soft]
    return {
        "budget": found.budget,
        "cost": found.cost,
        "unit": net.keys.cost,
        "reachable": net.cost.reachable,
        "sizes": dict(zip(names, found.sizes)),
        "soft": dict(zip(names, soft)),
        "by_rule": dict(zip(names, found.ruled)),
        "held_out": held_out,
        "architecture": architecture,
        "baseline": baseline_of(net, found.sizes),
    }


def _draw(
    net: Supernet,
    found: Found,
    rows: Sequence[Any],
    workdir: Path,
) -> None:
    site_names = [site.name for site in net.sizes.sites]
    plot_search(
        net.sizes.names,
        rows,
        found.sizes,
        [int(size) for size in net.sizes.largest],
        dict(zip(site_names, found.kernels)),
        workdir / PICTURE,
        title=f"{workdir}: {found.cost:,.6g} of {net.cost.describe(found.budget)}",
    )
