"""Node-path balance: a layer's mask as the optimum of an integer programme.

Pham et al., NeurIPS 2023, https://arxiv.org/abs/2306.05057. Layer by layer, M [I, O] says how many
taps of each 2-D kernel are kept; with n weights to keep it maximises

    alpha A + (1 - alpha) B + beta R

    A: the share of input and output channels that keep a tap
    B: the paths that reach the outputs, P_in M summed, as a share of the best that n could give
    R: how widely the taps are spread, (n - kernels without one) / n

Shapes: I inputs, O outputs.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import optimize, sparse

from effjax.compress.densities import erk
from effjax.compress.programs import Program, reached
from effjax.errors import UserError

CHUNK = 32  # output channels of one programme: larger ones take too long


def best_paths(
    paths_in: np.ndarray,
    taps: int,
    outputs: int,
    most: int,
    slip: bool = False,
) -> Any:
    """The most paths that `taps` taps can give: all on the inputs that most paths reach.

    Args:
      slip: as the authors' code, which takes all inputs as full where the taps fill none of them.
    """
    per_input = outputs * most
    full = int(taps / per_input)
    rest = taps - full * per_input
    ordered = np.sort(paths_in)[::-1]
    if full == 0 and slip:
        return ordered.sum() * per_input + rest * ordered[0]
    next_one = ordered[full] if full < len(ordered) else 0.0
    return ordered[:full].sum() * per_input + rest * next_one


def balance(
    paths_in: np.ndarray,
    outputs: int,
    taps: int,
    most: int,
    alpha: float = 0.01,
    beta: float = 1.0,
    slip: bool = False,
) -> tuple[np.ndarray, float]:
    """The programme of one layer, solved exactly (HiGHS).

    Args:
      paths_in: [I], the number of paths that reach each input.
      taps: how many weights are kept, n.
      most: the taps of one 2-D kernel.
      alpha, beta: see the head of this file.
      slip: see `best_paths`.

    Returns:
      M, integers [I, O], and the objective.

    Raises:
      UserError: no solution was found.
    """
    inputs = len(paths_in)
    nodes = inputs + outputs
    cells = inputs * outputs
    best = best_paths(paths_in, taps, outputs, most, slip)
    share_of_paths = paths_in / best if best > 0 else 0.0 * paths_in
    # variables: M (cells), then what is missing: rows and columns (nodes), kernels (cells), each in
    # [0, 1] and at least 1 - the sum that it stands for
    costs = np.concatenate(
        [
            -(1 - alpha) * np.repeat(share_of_paths, outputs),
            np.full(nodes, alpha / nodes),
            np.full(cells, beta / taps),
        ]
    )
    is_tap = np.concatenate([np.ones(cells), np.zeros(nodes + cells)])
    found = optimize.milp(
        costs,
        constraints=[
            optimize.LinearConstraint(_sums_of_nodes(inputs, outputs), 1.0, np.inf),
            optimize.LinearConstraint(_sums_of_kernels(cells, nodes), 1.0, np.inf),
            optimize.LinearConstraint(is_tap[None], 0, taps),
        ],
        bounds=optimize.Bounds(0, np.where(is_tap, most, 1.0)),
        integrality=is_tap,  # taps are whole numbers
    )
    if found.x is None:
        raise UserError(f"the integer programme of a layer has no solution: {found.message}")
    kept = np.round(found.x[:cells]).reshape(inputs, outputs)
    return kept, objective(kept, paths_in, taps, most, alpha, beta, slip)


def _sums_of_nodes(inputs: int, outputs: int) -> Any:
    """A row for each row and column of M: its taps, and whether it misses all."""
    nodes = inputs + outputs
    rows = sparse.kron(sparse.identity(inputs), np.ones((1, outputs)))
    columns = sparse.kron(np.ones((1, inputs)), sparse.identity(outputs))
    of_taps = sparse.vstack([rows, columns])
    of_kernels = sparse.csr_matrix((nodes, inputs * outputs))
    return sparse.hstack([of_taps, sparse.identity(nodes), of_kernels])


def _sums_of_kernels(cells: int, nodes: int) -> Any:
    """A row for each kernel: its taps, and whether it misses all."""
    of_nodes = sparse.csr_matrix((cells, nodes))
    return sparse.hstack([sparse.identity(cells), of_nodes, sparse.identity(cells)])


def objective(
    kept: np.ndarray,
    paths_in: np.ndarray,
    taps: int,
    most: int,
    alpha: float,
    beta: float,
    slip: bool = False,
) -> float:
    """alpha A + (1 - alpha) B + beta R of the taps M [I, O]."""
    inputs, outputs = kept.shape
    best = best_paths(paths_in, taps, outputs, most, slip)
    no_rows = np.maximum(1 - kept.sum(1), 0).sum()
    no_columns = np.maximum(1 - kept.sum(0), 0).sum()
    nodes = 1 - (no_rows + no_columns) / (inputs + outputs)
    paths = (paths_in @ kept).sum() / best if best > 0 else 0.0
    spread = (taps - np.maximum(1 - kept, 0).sum()) / taps
    return float(alpha * nodes + (1 - alpha) * paths + beta * spread)


def largest_taps(
    side: int,
    taps: int,
    inputs: int,
    outputs: int,
    most: int | None,
) -> int:
    """The taps of one kernel that may be kept: `most`, or more where `taps` need it."""
    if most is None:
        return max(1, side)
    return max(most, math.ceil(taps / (inputs * outputs)))


def npb_masks(
    program: Program,
    shapes: Mapping[str, tuple[int, ...]],
    density: float,
    seed: int,
    alpha: float = 0.01,
    beta: float = 1.0,
) -> dict[str, np.ndarray]:
    """Masks by node-path balance with ERK densities, layer after layer.

    Which taps of a kernel are kept is drawn: the programme only says how many.

    Args:
      program: the paths of the network.
      shapes: {path: shape of the kernel} of the layers that are pruned.
    """
    rng = np.random.default_rng(seed)
    densities = erk(shapes, density)
    masks = {path: np.ones(shape, np.float64) for path, shape in shapes.items()}
    order = [path for path in reached(program, masks) if path in shapes]
    for path in order:
        logs = np.asarray(reached(program, masks)[path], np.float64)
        paths_in = np.ones(len(logs))  # where no path comes through, all inputs are alike
        largest = logs.max()
        if np.isfinite(largest):
            # only ratios count in B: so none overflows
            paths_in = np.exp(logs - largest)
        masks[path] = _layer(paths_in, shapes[path], densities[path], alpha, beta, rng)
    return {path: mask.astype(np.int8) for path, mask in masks.items()}


def _layer(
    paths_in: np.ndarray,
    shape: tuple[int, ...],
    density: float,
    alpha: float,
    beta: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The mask of one layer, in chunks of its output channels."""
    *sides, inputs, outputs = shape
    side = math.prod(sides)
    chunks = []
    for start in range(0, outputs, CHUNK):
        width = min(CHUNK, outputs - start)
        taps = max(1, math.ceil(density * side * inputs * width))
        if inputs == 1:  # depthwise: the kernels have one input each, which all paths of it reach
            kept = np.full((1, width), min(side, math.ceil(density * side)))
        else:
            kept, _ = balance(paths_in, width, taps, max(1, side), alpha, beta)
        chunks.append(_draw_taps(kept, side, rng))
    return np.concatenate(chunks, axis=-1).reshape(shape)


def _draw_taps(
    kept: np.ndarray,
    side: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """[side, I, O]: of each kernel as many taps as `kept` says, at random."""
    order = rng.random((side, *kept.shape)).argsort(0).argsort(0)
    return (order < kept).astype(np.float64)
