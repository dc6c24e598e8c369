"""From the end of a search to a network: odd sizes, their cost, the architecture, the weights."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import unfreeze
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax import models
from effjax.contract import Batch, TrainState, Variables
from effjax.report.kernel_sizes import plot_search
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.runs.metrics import read_rows
from effjax.search.kernel_sizes.discretise import energy_sizes, repair, ring_energies
from effjax.search.kernel_sizes.masks import nearest_odd, outer_odd, ramp
from effjax.search.kernel_sizes.sites import Site, Sizes
from effjax.tasks.accuracy import Accuracy

SEARCH, PICTURE = "search.json", "kernel_sizes.png"


@dataclasses.dataclass(frozen=True)
class Found:
    """A network that a search has found for one budget.

    Attributes:
      budget, cost: in the unit of the search; `cost` is exact.
      soft: real-valued sizes [S].
      ruled: odd sizes by the rule alone.
      sizes: odd sizes, brought to the budget.
      model, variables: the network with these sizes, and its weights from the search.
      kernels: the masked kernel of each size [I, J] (of each site), averaged over channels.
    """

    budget: float
    cost: float
    soft: np.ndarray
    ruled: list[int]
    sizes: list[int]
    model: models.ImageModel
    variables: dict[str, Any]
    kernels: list[np.ndarray]


def read_off(task: Any, state: TrainState, budget: float) -> Found:
    """The network that a search has found for a budget; batch statistics are those of the search.

    Args:
      task: a `KernelSearch`.
      state: its state.
    """
    keys, sizes = task.keys, task.sizes
    soft = jax.jit(task.soft_sizes)(state.params, jnp.float32(budget))
    kernels = jax.device_get(jax.jit(task.masked_kernels)(state.params, soft))
    taps = _taps(task, kernels, soft)
    if keys.rule == "energy":
        worth = [ring for site, w in zip(sizes.sites, taps) for ring in ring_energies(site, w)]
        ruled = _energy_rule(sizes, worth, soft, keys.discarded)
    else:
        worth = [np.asarray(ramp(np.arange((k + 1) // 2), v)) for k, v in zip(sizes.largest, soft)]
        ruled = (nearest_odd if keys.rule == "nearest" else outer_odd)(soft)
    ruled = [int(size) for size in ruled]
    fill = soft.tolist() if keys.form != "hinge" else None
    final = repair(ruled, worth, task.cost.exact, budget, fill) if keys.repair else ruled
    model = task.with_sizes(final)
    params = cropped(task, state.params, kernels, sizes.split(final))
    rest = {name: part for name, part in state.model_state.items() if name != "search"}
    return Found(
        budget=budget,
        cost=task.cost.exact(final),
        soft=np.asarray(soft),
        ruled=ruled,
        sizes=final,
        model=model,
        variables=jax.device_get({"params": params, **rest}),
        kernels=[np.abs(w).mean((2, 3)) for w in taps],
    )


def _taps(task: Any, kernels: Sequence[np.ndarray], soft: jax.Array) -> list[np.ndarray]:
    """[I, J, 1, C] of every site; where nothing is learned but the window, the window."""
    of_site = dict(zip(task.kernel_sites, kernels))
    return [
        np.asarray(of_site[n] if n in of_site else site.mask(task.mask, v)[:, :, None, None])
        for n, (site, v) in enumerate(zip(task.sizes.sites, task.sizes.split(soft)))
    ]


def _energy_rule(
    sizes: Sizes, energies: list[np.ndarray], soft: jax.Array, discarded: float
) -> list[int]:
    """Pooling has no kernel whose energy could be told from its window: the nearest size there."""
    chosen: list[int] = []
    nearest = nearest_odd(soft).astype(int).tolist()
    for site, span in zip(sizes.sites, sizes.spans):
        by_energy = site.kind == "depthwise"
        chosen += energy_sizes(energies[span], discarded) if by_energy else nearest[span]
    return chosen


def cropped(
    task: Any, params: Any, kernels: Sequence[np.ndarray], sizes: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Parameters of the network with windows `sizes`: the middles of the masked kernels."""
    flat = flatten_dict(unfreeze(params["network"]))
    for n, kernel in zip(task.kernel_sites, kernels, strict=True):
        site: Site = task.sizes.sites[n]
        flat[(*site.path, "kernel")] = middle(kernel, site.sides(sizes[n]))
    return unflatten_dict(flat)


def middle(kernel: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """The middle [h, w, ...] of a kernel [I, J, ...]."""
    cuts = [(most - int(side)) // 2 for most, side in zip(kernel.shape, sides)]
    rows, columns = (slice(cut, most - cut) for cut, most in zip(cuts, kernel.shape))
    return kernel[rows, columns]


def recalibrated(task: Any, found: Found, batches: int) -> dict[str, Any]:
    """`found.variables` with batch statistics of so many training batches, where it has such."""
    if "batch_stats" not in found.variables or batches == 0:
        return found.variables

    @jax.jit
    def step(variables: Any, images: jax.Array) -> Any:
        key = {"dropout": jax.random.key(0)}
        _, changed = found.model.apply(
            variables, images, train=True, rngs=key, mutable=["batch_stats"]
        )
        return {**variables, **changed}

    variables = found.variables
    source = task.split.batches()
    for batch in itertools.islice(source, batches):
        whole = task.split.unpack({**batch, **task.split.resident})
        variables = step(variables, task.images(whole))
    source.close()
    return jax.device_get(variables)


def accuracy(task: Any, found: Found, variables: dict[str, Any]) -> dict[str, float]:
    """Held-out loss and accuracy of the found network before it is trained any further.

    Nothing where the config evaluates nothing.
    """
    if not task.config.evals:
        return {}
    section = task.config.evals[next(iter(task.config.evals))]
    evaluator = found_evaluator(task, found.model, section)
    return dict(evaluator(variables, jax.random.key(0), evaluator.source.batches()))


def found_evaluator(task: Any, model: models.ImageModel, section: Any) -> Any:
    """The evaluator of a search's held-out images, for the network that was found."""

    def predict(variables: Variables, batch: Batch) -> jax.Array:
        return model.apply(variables, task.images(batch), train=False)

    return Accuracy(predict, task.config, section)


def export(task: Any, state: TrainState, workdir: Path) -> list[Found]:
    """Writes what was found into the run's folder: architecture, weights, search.json, picture.

    The first budget's network is architecture.json and weights.safetensors; those of further
    budgets are architecture-<n>.json and weights-<n>.safetensors.
    """
    results, records = [], []
    name = task.config.model.name.partition(".")[0]
    for n, budget in enumerate(task.budgets):
        found = read_off(task, state, budget)
        found = dataclasses.replace(
            found, variables=recalibrated(task, found, task.keys.recalibrate)
        )
        suffix = f"-{n + 1}" if n else ""
        path = workdir / FOUND_ARCHITECTURE.replace(".", f"{suffix}.")
        record = {
            "budget": budget,
            "cost": found.cost,
            "unit": task.keys.cost,
            "reachable": task.cost.reachable,
            "sizes": dict(zip(task.sizes.names, found.sizes)),
            "soft": dict(zip(task.sizes.names, [round(float(v), 3) for v in found.soft])),
            "by_rule": dict(zip(task.sizes.names, found.ruled)),
            "held_out": accuracy(task, found, found.variables),
            "architecture": path.name,
        }
        models.write_architecture(name, found.model.architecture, path)
        weights = workdir / FOUND_WEIGHTS.replace(".", f"{suffix}.")
        models.save_weights(found.model, found.variables, weights)
        results.append(found)
        records.append(record)
    write_atomically(workdir / SEARCH, json.dumps(records, indent=2) + "\n")
    plot_search(
        task.sizes.names,
        read_rows(workdir),
        results[0].sizes,
        [int(k) for k in task.sizes.largest],
        dict(zip([site.name for site in task.sizes.sites], results[0].kernels)),
        workdir / PICTURE,
        title=f"{workdir}: {results[0].cost:,.6g} of {task.cost.words(task.budgets[0])}",
    )
    return results
