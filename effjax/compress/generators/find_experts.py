"""Which times of a flow get a network of their own, and how deep each of these is.

DiffPruning, Ganjdanesh et al. 2024, https://arxiv.org/abs/2409.15557. No code is published; this is
a reconstruction from the abstract: times are alike where their gradients point the same way, a copy
is made smaller by leaving out blocks, and copies share one budget: the sum over the sampler's steps
of the multiply-adds of the copy that makes the step. Their agent learns the shares; here errors
after leaving out blocks are measured, and the best shares are found exactly.
Shapes: N times, k intervals, D blocks, B batch, P parameters.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jax.scipy.special import logit, ndtr, ndtri

from effjax import models
from effjax.compress.generators.allocate import Choice, allocate
from effjax.compress.generators.flow_teacher import check_flow
from effjax.compress.generators.intervals import best_intervals, cosines
from effjax.compress.narrow import read_budget
from effjax.config import View, as_path, from_json
from effjax.data import open_split
from effjax.diffusion import Flow
from effjax.errors import UserError
from effjax.models.blocks.adaln import AdaLnBlock
from effjax.models.families.dit import DiT
from effjax.report import Display, format_count
from effjax.runs.record import read_config
from effjax.runs.schema import RunConfig
from effjax.tasks.diffusion.latents import Latents
from effjax.tasks.trained_generator import trained_generator

FILE = "experts.json"
TIMES = 16  # N
BATCH = 64  # held-out examples that are looked at
STEPS = 50  # of the sampler whose steps are counted


@dataclasses.dataclass(frozen=True)
class Experts:
    """Copies of a flow's network, each for an interval of times.

    Attributes:
      teacher: the folder of the run that they come from.
      edges: [k - 1], where one interval ends and the next begins, as shares of training's times.
      kept: of each copy, the blocks that stay.
    """

    teacher: str
    edges: tuple[float, ...]
    kept: tuple[tuple[int, ...], ...]


def read_experts(folder: Path) -> Experts:
    """Of a folder that `find_experts` has written.

    Raises:
      UserError: there is none.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text())
        kept = tuple(map(tuple, found["kept"]))
        return Experts(found["teacher"], tuple(found["edges"]), kept)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{folder} has no {FILE} that can be read\nmake it: effjax compress --workdir=D "
            "--intervals=3 --budget=macs:0.7x --out=FOLDER"
        ) from None


def share_before(process: Flow, time: Array) -> Array:
    """The share of training's times that lie before `time`."""
    if process.times == "logit_normal":
        return ndtr(logit(time) - process.mean)
    return time


def steps_of(process: Flow, edges: tuple[float, ...]) -> np.ndarray:
    """[k]: the share of the sampler's steps in each interval."""
    times = jnp.arange(STEPS) / STEPS
    # which interval a step lies in
    places = np.searchsorted(np.asarray(edges), np.asarray(share_before(process, times)), "right")
    return np.bincount(places, minlength=len(edges) + 1) / STEPS


def with_gates(model: DiT, variables: Any, gates: Array) -> Callable[..., Array]:
    """(x, told, labels) -> output, where block i changes its input by gates[i] of what it would."""

    def gated(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        out = call(*args, **kwargs)
        if not isinstance(context.module, AdaLnBlock) or context.method_name != "__call__":
            return out
        number = int(context.module.name.removeprefix("blocks_"))
        return args[0] + gates[number] * (out - args[0])

    def network(x: Array, told: Array, labels: Array) -> Array:
        with nn.intercept_methods(gated):
            return model.apply(variables, x, told, labels)

    return network


def find_experts(workdir: Path, out: Path, count: int, amount: str, display: Display) -> Experts:
    """Divides the times of a trained flow among copies of its network, and writes OUT/experts.json.

    Args:
      workdir: a diffusion run with process "flow" and a DiT.
      count: k.
      amount: "macs:0.7x", of the multiply-adds of all sampler's steps.

    Raises:
      UserError: another kind of run, or a budget that cannot be met.
    """
    display.waiting(f"loading {workdir}")
    task, variables = trained_generator(as_path(workdir), display=display)
    check_flow(task, workdir)
    budget = read_budget(amount)
    if budget.unit != "macs":
        raise UserError(f"--budget={amount}: copies share multiply-adds; give macs:0.7x")
    batch = held_out(task, workdir)
    display.waiting(f"gradients at {TIMES} times")
    intervals = best_intervals(cosines(time_gradients(task, variables, batch)), count)
    edges = tuple(start / TIMES for start in intervals.starts[1:])
    shares = steps_of(task.process, edges)
    display.waiting("leaving out blocks")
    errors, orders = depth_errors(task, variables, batch, intervals.starts)
    depth = task.model.architecture.depth
    macs = [depth_macs(task, kept) for kept in range(1, depth + 1)]
    choices = []
    for share, of_depths in zip(shares, errors, strict=True):
        pairs = zip(macs, of_depths, strict=True)
        # an error counts as often as the sampler makes it
        choices.append([Choice(share * cost, share * error) for cost, error in pairs])
    limit = budget.relative_to(macs[-1]).limit
    chosen = allocate(choices, limit)
    kept = []
    for order, number in zip(orders, chosen, strict=True):
        kept.append(tuple(sorted(order[: number + 1])))
    found = Experts(str(as_path(workdir).resolve()), edges, tuple(kept))
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps(dataclasses.asdict(found), indent=2) + "\n")
    spent = sum(share * macs[number] for share, number in zip(shares, chosen, strict=True))
    show_experts(found, depth, shares, spent, macs[-1], display)
    display.line(f"train them: --config.task.experts={out}")
    return found


def show_experts(
    found: Experts,
    depth: int,
    shares: Sequence[float],
    spent: float,
    whole: float,
    display: Display,
) -> None:
    """A line for each copy: from which time on, how many blocks, how much of the sampling.

    Args:
      depth: blocks of the whole network.
      shares: of the sampler's steps, one a copy.
      spent, whole: multiply-adds of a step, on average over the copies and of the whole network.
    """
    rows = []
    for start, blocks, share in zip((0.0, *found.edges), found.kept, shares, strict=True):
        kept = f"{len(blocks)} of {depth} blocks"
        rows.append((f"from {start:g}", f"{kept}, {100 * share:.0f} % of the steps"))
    rows.append(("multiply-adds a step", f"{format_count(spent)} of {format_count(whole)}"))
    display.table("copies by shares of training's times", rows)


def held_out(task: Any, workdir: Path) -> dict[str, np.ndarray]:
    """One batch of held-out examples of the run's own data."""
    if task.options.latents is not None:
        source = Latents(f"{task.options.latents}/val", BATCH, train=False)
    else:
        config = View(from_json(read_config(as_path(workdir)), RunConfig))
        data = config.data
        source = open_split(data, data.val_split, seed=0, batch_size=BATCH, train=False)
    return next(iter(source.batches()))


def time_gradients(task: Any, variables: Any, batch: Any) -> np.ndarray:
    """[N, P]: the gradients of the loss on one batch with one noise, at N times."""
    loss_at = _loss_at(task, batch)

    @jax.jit
    def gradient(params: Any, share: Array) -> Array:
        def loss(params: Any) -> Array:
            task_network = task.network({**variables, "params": params}, task.labels(batch))
            return loss_at(task_network, share)

        leaves = jax.tree.leaves(jax.grad(loss)(params))
        return jnp.concatenate([leaf.reshape(-1) for leaf in leaves])

    found = []
    for number in range(TIMES):
        found.append(np.asarray(gradient(variables["params"], (number + 0.5) / TIMES)))
    return np.stack(found)


def _loss_at(task: Any, batch: Any) -> Callable[[Any, Array], Array]:
    """(network, share of training's times) -> the mean error there."""
    mask = batch["mask"]
    shape = (len(mask), *task.split.image_shape)
    noise = jax.random.normal(jax.random.key(0), shape)

    def loss(network: Any, share: Array) -> Array:
        uniform = jnp.full(len(mask), share)
        time = task.process.time(uniform, ndtri(uniform))
        clean = task.clean(batch, jnp.zeros(shape))
        errors = task.process.error(network, clean, noise, time)
        return jnp.where(mask > 0, errors, 0.0).sum() / mask.sum()

    return loss


def depth_errors(
    task: Any, variables: Any, batch: Any, starts: tuple[int, ...]
) -> tuple[list[list[float]], list[list[int]]]:
    """For each interval: errors with 1 to D blocks, and the blocks in the order in which they stay.

    Blocks are left out one by one, each time the one without which the error is least.
    """
    labels = task.labels(batch)
    loss_at = _loss_at(task, batch)

    @jax.jit
    def error(gates: Array, share: Array) -> Array:
        network = with_gates(task.model, variables, gates)
        return loss_at(lambda x, told: network(x, told, labels), share)

    depth = task.model.architecture.depth
    ends = (*starts[1:], TIMES)
    errors = []
    orders = []
    for start, end in zip(starts, ends, strict=True):
        shares = [(number + 0.5) / TIMES for number in range(start, end)]

        def mean(blocks: Sequence[int], shares: Sequence[float] = shares) -> float:
            gates = np.isin(np.arange(depth), blocks).astype(np.float32)
            return float(np.mean([error(gates, share) for share in shares]))

        found, order = _left_out_one_by_one(mean, depth)
        errors.append(found)
        orders.append(order)
    return errors, orders


def _left_out_one_by_one(
    error: Callable[[Sequence[int]], float], depth: int
) -> tuple[list[float], list[int]]:
    """(errors with 1 to D blocks, the blocks in the order in which they stay)."""
    left = list(range(depth))
    gone = []
    errors = [error(left)]
    while len(left) > 1:
        without = []
        for block in left:
            others = [other for other in left if other != block]
            without.append((error(others), block))
        least, block = min(without)
        left.remove(block)
        gone.append(block)
        errors.append(least)
    return errors[::-1], left + gone[::-1]


def depth_macs(task: Any, depth: int) -> int:
    """Multiply-adds of the network with so many blocks."""
    model = with_depth(task.model, depth)
    return models.cost(model, task.split.image_shape).macs


def with_depth(model: DiT, depth: int) -> DiT:
    """The same with another number of blocks."""
    return model.clone(architecture=dataclasses.replace(model.architecture, depth=depth))
