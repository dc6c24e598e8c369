"""N:M masks: of every M weights along a layer's inputs N are kept.

Sparse tensor cores multiply 2:4 matrices in half the time (Mishra et al. 2021,
https://arxiv.org/abs/2104.08378); XLA has no such product, so that here a pattern is trained, and
its speed is left to the program that runs the weights.

Shapes: a kernel is [..., I, O] with I inputs and O outputs; G groups.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from effjax.errors import UserError

Pattern = tuple[int, int]  # (N, M)


def read_pattern(text: str) -> Pattern:
    """ "2:4" as (2, 4).

    Raises:
      UserError: another form, or more kept than there are.
    """
    kept, colon, of = text.partition(":")
    if colon and kept.isdecimal() and of.isdecimal() and 0 < int(kept) < int(of):
        return int(kept), int(of)
    raise UserError(f"pattern = {text!r}: expected N:M with 0 < N < M, such as 2:4")


def n_of_m(
    scores: Mapping[str, Any],
    pattern: Pattern,
) -> dict[str, np.ndarray]:
    """Masks int8 that keep the N largest scores of each group of M neighbouring inputs.

    A layer whose number of inputs M does not divide stays dense: a stem, a depthwise convolution.

    Raises:
      UserError: no layer has such groups.
    """
    kept, of = pattern
    masks = {}
    for path, score in scores.items():
        score = np.asarray(score)
        if not has_groups(score, of):
            masks[path] = np.ones(score.shape, np.int8)
            continue
        groups = _groups(score, of)  # [G, M]
        order = np.argsort(-groups, axis=1, kind="stable")
        chosen = np.zeros(groups.shape, np.int8)
        np.put_along_axis(chosen, order[:, :kept], 1, axis=1)
        masks[path] = _kernel(chosen, score.shape)
    if all(mask.all() for mask in masks.values()):
        raise UserError(f"pattern {kept}:{of}: no layer has a number of inputs that {of} divides")
    return masks


def shuffled_groups(
    masks: Mapping[str, np.ndarray],
    pattern: Pattern,
    seed: int,
) -> dict[str, np.ndarray]:
    """A sanity arm: the groups of each layer at random places, so that the pattern holds."""
    rng = np.random.default_rng(seed)
    _, of = pattern
    found = {}
    for path, mask in masks.items():
        if has_groups(mask, of):
            groups = rng.permutation(_groups(mask, of))
            mask = _kernel(groups, mask.shape)
        found[path] = mask
    return found


def has_groups(kernel: np.ndarray, of: int) -> bool:
    """Whether M divides a kernel's number of inputs."""
    return kernel.shape[-2] % of == 0


def _groups(kernel: np.ndarray, of: int) -> np.ndarray:
    """[..., I, O] -> [G, M], neighbours along I together."""
    return np.moveaxis(kernel, -2, -1).reshape(-1, of)


def _kernel(groups: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The way back."""
    inputs, outputs = shape[-2:]
    return np.moveaxis(groups.reshape(*shape[:-2], outputs, inputs), -1, -2)
