"""Tables that published files hold and our networks compute: compared on the way in, written out.

Shapes: N tokens, C channels.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from effjax.errors import UserError
from effjax.models.blocks.adaln import relative_index
from effjax.models.blocks.sinusoids import grid_table
from effjax.models.families.dit import DiT
from effjax.models.families.mdt import MDT
from effjax.models.registry import default_input_shape

BIAS_TABLE = "relative_position_bias_table"
BIAS_INDEX = "relative_position_index"
POSITIONS = "pos_embed"
CLOSE = 1e-5  # of float32 sines


def buffers(model: Any, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{name: array} of what a published file of `model` holds beside the weights in `state`."""
    if isinstance(model, DiT):
        table = grid_table(_grid(model, state), model.architecture.width)
        return {POSITIONS: table[None].astype(np.float32)}
    found = {}
    if isinstance(model, MDT):
        index = np.asarray(relative_index(_grid(model, state)), np.int64)
        for name in state:
            if name.endswith(BIAS_TABLE):
                found[name.replace(BIAS_TABLE, BIAS_INDEX)] = index
    return found


def without_buffers(model: Any, state: Mapping[str, np.ndarray], unused: list[str]) -> list[str]:
    """`unused` names of `state` without those that the network computes.

    Raises:
      UserError: a file holds other values than the network computes.
    """
    computed = buffers(model, state)
    rest = []
    for name in unused:
        if name not in computed:
            rest.append(name)
            continue
        given, wanted = state[name], computed[name]
        if given.shape != wanted.shape or not np.allclose(given, wanted, atol=CLOSE):
            raise UserError(
                f"{name} of the weights is not the table that {type(model).__name__} computes:\n"
                "are these the weights of another architecture or image size?"
            )
    return rest


def _grid(model: Any, state: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """(rows, columns) of the tokens: a square of those that have positions, or the model's own."""
    if POSITIONS in state:
        side = math.isqrt(state[POSITIONS].shape[1])
        return side, side
    height, width, _ = default_input_shape(model)
    side = getattr(model.architecture, "patch_size", 1)
    return height // side, width // side
